"""Which file describes the user's Python environment. One rule, for the digest and for the builder."""

from __future__ import annotations

import posixpath
import re

from mlops_ci.digests.tree import Tree
from mlops_ci.errors import ConfigError

CANDIDATES = ("requirements.txt", "uv.lock", "pyproject.toml")
INCLUDE = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)", re.MULTILINE)


def find_environment(tree: Tree, directory: str, spec: str) -> tuple[str, ...]:
    """The files (paths from the root) that describe the environment; () where it is an interpreter's path.

    '' looks for requirements.txt, uv.lock, pyproject.toml, in `directory` and then in the root. What a
    requirements file includes belongs to it; uv.lock and pyproject.toml belong together. An interpreter's path
    differs from machine to machine, so it is not part of any digest. Raises ConfigError for a missing file.
    """
    if spec and is_interpreter(spec):
        return ()
    if not spec:
        folders = dict.fromkeys((directory, ""))
        places = [posixpath.normpath(posixpath.join(folder, name)) for folder in folders for name in CANDIDATES]
        found = next((place for place in places if tree.exists(place)), "")
        return _with_includes(tree, found) if found else ()
    path = posixpath.normpath(posixpath.join(directory, spec))
    if not tree.exists(path):
        raise ConfigError(
            f"the environment file '{path}' is not in git",
            hint="git add it, or name requirements.txt, pyproject.toml or a Python's path in train.environment",
            docs="configuration.md#train",
        )
    return _with_includes(tree, path)


def is_interpreter(spec: str) -> bool:
    """Whether a spec names a Python and not a file of requirements."""
    return not spec.endswith((".txt", ".in", ".toml", ".lock"))


def _with_includes(tree: Tree, path: str) -> tuple[str, ...]:
    folder, name = posixpath.split(path)
    if name in ("uv.lock", "pyproject.toml"):
        return tuple(
            other
            for other in (f"{folder}/{n}".lstrip("/") for n in ("pyproject.toml", "uv.lock"))
            if tree.exists(other)
        )
    found, waiting = [path], [path]
    while waiting:
        current = waiting.pop()
        for included in INCLUDE.findall(tree.read(current).decode("utf-8", "replace")):
            other = posixpath.normpath(posixpath.join(posixpath.dirname(current), included))
            if other not in found and tree.exists(other):
                found.append(other)
                waiting.append(other)
    return tuple(found)
