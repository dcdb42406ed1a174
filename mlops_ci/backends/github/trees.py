"""A tree at GitHub, made of a commit's and some files."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from mlops_ci.backends.github.api import Api
from mlops_ci.errors import BackendError

PLAIN = "100644"
KEPT = ("100644", "100755")  # modes of files; a link that is written over becomes a file
REFUSED = re.compile(r"(^|/)(\.\.?|\.git)?(/|$)", re.IGNORECASE)


def new_tree(api: Api, onto: str, files: Mapping[str, bytes | None]) -> str:
    """The name of a tree: the files of the commit `onto` with `files` (None deletes) laid over them.

    Raises BackendError for a path that git refuses, like one with `..`.
    """
    for path in files:
        if REFUSED.search(path):
            raise BackendError(f"git refuses the path '{path}'", hint="a path stays in the repository, outside of .git")
    root = str(api.get(f"git/commits/{onto}")["tree"]["sha"])

    @cache
    def entries(tree: str) -> Mapping[str, Mapping[str, Any]]:
        return {item["path"]: item for item in api.get(f"git/trees/{tree}")["tree"]}

    def known(path: str) -> Mapping[str, Any] | None:
        tree, (*folders, name) = root, path.split("/")
        for folder in folders:
            found = entries(tree).get(folder)
            if found is None or found["type"] != "tree":
                return None
            tree = found["sha"]
        return entries(tree).get(name)

    made = [_entry(api, path, content, known(path)) for path, content in sorted(files.items())]
    changes = [item for item in made if item is not None]
    return str(api.post("git/trees", {"base_tree": root, "tree": changes})["sha"]) if changes else root


def _entry(api: Api, path: str, content: bytes | None, known: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """One file's line in the new tree; None for one that is to go and is not there, which GitHub calls an error."""
    if content is None and known is None:
        return None
    mode = known["mode"] if known is not None and known["mode"] in KEPT else PLAIN
    entry: dict[str, Any] = {"path": path, "mode": mode, "type": "blob"}
    if content is None:
        return {**entry, "sha": None}
    try:
        return {**entry, "content": content.decode("utf-8")}
    except UnicodeDecodeError:
        blob = api.post("git/blobs", {"content": base64.b64encode(content).decode(), "encoding": "base64"})
        return {**entry, "sha": blob["sha"]}
