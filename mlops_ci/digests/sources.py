"""What names the content of a pipeline's inputs: git's own blobs, `.dvc` files, and for imports the lock."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlops_ci.digests.stages import Stage, read_stages
from mlops_ci.digests.tree import Tree
from mlops_ci.errors import PipelineError
from mlops_ci.yaml12 import YamlError, load


@dataclass(frozen=True)
class Tracked:
    """An output of a `.dvc` file, or of a frozen stage: `path` from the root, and DVC's hash of it."""

    path: str
    hash: str
    file: str


class Project:
    """A repository's pipelines and tracked data at one moment; each file is parsed once however many models ask."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._stages: dict[str, dict[str, Stage]] = {}
        self._locks: dict[str, dict[str, Any]] = {}

    @classmethod
    def of(cls, tree: Tree | Project) -> Project:
        """A Project as it is, or a new one over a tree."""
        return tree if isinstance(tree, Project) else cls(tree)

    def stages(self, file: str) -> dict[str, Stage]:
        """The stages of one dvc.yaml."""
        if file not in self._stages:
            self._stages[file] = read_stages(self.tree, file)
        return self._stages[file]

    @cached_property
    def files(self) -> frozenset[str]:
        """Every path git has."""
        return frozenset(self.tree.paths())

    @cached_property
    def other_pipelines(self) -> tuple[str, ...]:
        """Every dvc.yaml of the repository."""
        return tuple(sorted(path for path in self.files if posixpath.basename(path) == "dvc.yaml"))

    @cached_property
    def tracked(self) -> tuple[Tracked, ...]:
        """The outputs of every `.dvc` file; `dvc import` and `import-url` name what they fetched the same way."""
        names = sorted(path for path in self.files if path.endswith(".dvc"))
        self.tree.prefetch(names)
        return tuple(item for name in names for item in self._tracked(name))

    def _tracked(self, name: str) -> list[Tracked]:
        document = self._yaml(name)
        folder = posixpath.join(posixpath.dirname(name), str(document.get("wdir", ".")))
        found = []
        for out in document.get("outs") or []:
            content = next((f"{kind}:{out[kind]}" for kind in ("md5", "etag", "checksum") if out.get(kind)), "")
            if not content:
                raise PipelineError(
                    "the output has no hash, so nothing says which data it is",
                    where=name,
                    hint=f"dvc add {out.get('path', '')}, or dvc update {name}",
                )
            found.append(Tracked(posixpath.normpath(posixpath.join(folder, str(out["path"]))), content, name))
        return found

    def _yaml(self, name: str) -> dict[str, Any]:
        try:
            value = load(self.tree.read(name)).value
        except YamlError as error:
            raise PipelineError(error.message, where=f"{name}:{error.line}") from None
        if value is not None and not isinstance(value, dict):
            raise PipelineError("must be a map", where=name)
        return value or {}

    def locked(self, stage: Stage, section: str) -> dict[str, str]:
        """path from the root → hash, from the `deps` or `outs` of a stage in dvc.lock; {} where it has none."""
        file = posixpath.join(posixpath.dirname(stage.file), "dvc.lock")
        if file not in self._locks:
            self._locks[file] = self._yaml(file) if self.tree.exists(file) else {}
        entry = (self._locks[file].get("stages") or {}).get(stage.name) or {}
        folder = posixpath.dirname(stage.file)
        found = {}
        for item in entry.get(section) or []:
            content = next((f"{kind}:{item[kind]}" for kind in ("md5", "etag", "checksum") if item.get(kind)), "")
            path = str(item["path"])
            found[path if "://" in path else posixpath.normpath(posixpath.join(folder, path))] = content
        return found


def overlaps(one: str, other: str) -> bool:
    """Whether one path is the other, or lies inside it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")
