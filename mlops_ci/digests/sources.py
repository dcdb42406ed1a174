"""What names the content of a repository's files and data: git's own blobs, and the hashes in `.dvc` files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlops_ci.digests.canonical import digest_of
from mlops_ci.digests.ignore import Ignored
from mlops_ci.digests.paths import PathMap, ancestors, is_inside
from mlops_ci.digests.stages import Stage, read_stages
from mlops_ci.digests.tree import Tree
from mlops_ci.errors import PipelineError
from mlops_ci.yaml12 import YamlError, load

TABLES = (".csv", ".tsv", ".csv.gz", ".parquet", ".pq")
HASHES = ("md5", "etag", "checksum", "version_id")
MOST_LINKS = 40


@dataclass(frozen=True)
class Tracked:
    """An output of a `.dvc` file: `path` from the root, DVC's hash of it, and the file that says so."""

    path: str
    hash: str
    file: str


class Project:
    """A repository's pipelines and tracked data at one moment; each file is parsed once however many models ask."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._stages: dict[str, dict[str, Stage]] = {}
        self._documents: dict[str, dict[str, Any]] = {}
        self._outputs: dict[str, PathMap[Stage]] = {}
        self._tracked: dict[str, PathMap[Tracked]] = {}

    @classmethod
    def of(cls, tree: Tree | Project) -> Project:
        """A Project as it is, or a new one over a tree."""
        return tree if isinstance(tree, Project) else cls(tree)

    @cached_property
    def files(self) -> PathMap[None]:
        """Every path git has."""
        return PathMap(dict.fromkeys(self.tree.paths()))

    @cached_property
    def ignored(self) -> Ignored:
        """What DVC does not see."""
        return Ignored(self.tree, self.named(".dvcignore"))

    def named(self, name: str) -> list[str]:
        """Every file of this name, in any folder."""
        return self._by_name.get(name, [])

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self.files.ordered:
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return found

    @cached_property
    def dvc_roots(self) -> frozenset[str]:
        """The folders of all DVC projects (`dvc init`, or `dvc init --subdir`), '' for the repository's root."""
        settings = (f for f in self.named("config") if f"/{f}".endswith("/.dvc/config"))
        return frozenset(posixpath.dirname(posixpath.dirname(f)) for f in settings)

    def dvc_root(self, path: str) -> str:
        """The DVC project a path belongs to: the nearest one around it."""
        return next((folder for folder in ancestors(path) if folder in self.dvc_roots), "")

    def pipelines(self, root: str) -> list[str]:
        """Every dvc.yaml of one DVC project."""
        return self._of_project(root, self.named("dvc.yaml"))

    def _of_project(self, root: str, names: Sequence[str]) -> list[str]:
        return [name for name in names if self.dvc_root(name) == root and name not in self.ignored]

    def stages(self, file: str) -> dict[str, Stage]:
        """The stages of one dvc.yaml. Raises PipelineError."""
        if file not in self._stages:
            self._stages[file] = read_stages(self.tree, file, options=self._options(self.dvc_root(file)))
        return self._stages[file]

    def _options(self, root: str) -> dict[str, str]:
        """The section `parsing` of the DVC project's settings."""
        file = posixpath.join(root, ".dvc/config")
        text = self.tree.read(file).decode("utf-8", "replace") if self.tree.exists(file) else ""
        section = re.search(r"^\s*\[parsing\]\s*$(.*?)(?=^\s*\[|\Z)", text, re.MULTILINE | re.DOTALL)
        return dict(re.findall(r"^\s*(\w+)\s*=\s*(\w+)\s*$", section.group(1), re.MULTILINE)) if section else {}

    def producers(self, root: str, path: str) -> list[Stage]:
        """The stages of a DVC project that write `path`, something in it, or a folder around it."""
        return list(self.outputs(root).around(path).values())

    def outputs(self, root: str) -> PathMap[Stage]:
        """The stages of a DVC project by what they write."""
        if root not in self._outputs:
            found: dict[str, Stage] = {}
            names = self.pipelines(root)
            self.tree.prefetch(names)
            for stage in (stage for name in names for stage in self.stages(name).values()):
                for out in stage.outs:
                    if out in found:
                        raise PipelineError(
                            f"stages '{found[out].name}' and '{stage.name}' both write '{out}'",
                            where=stage.where,
                            hint="every output belongs to one stage",
                        )
                    found[out] = stage
            self._outputs[root] = PathMap(found)
        return self._outputs[root]

    def tracked(self, root: str) -> PathMap[Tracked]:
        """The outputs of a DVC project's `.dvc` files by path; imports name what they fetched the same way."""
        if root not in self._tracked:
            names = self._of_project(root, [f for f in self.files.ordered if f.endswith(".dvc")])
            self.tree.prefetch(names)
            self._tracked[root] = PathMap({item.path: item for name in names for item in self._outs_of(name)})
        return self._tracked[root]

    def _outs_of(self, name: str) -> Iterator[Tracked]:
        document = self.document(name)
        folder = posixpath.join(posixpath.dirname(name), str(document.get("wdir") or "."))
        if document.get("cmd"):
            raise PipelineError(
                "a .dvc file with a command is not supported", where=name, hint="move the stage to a dvc.yaml"
            )
        if document.get("deps") and not (document.get("frozen") or document.get("locked")):
            raise PipelineError(
                "the import is not frozen, so training may fetch other data than this file names",
                where=name,
                hint=f"dvc freeze {name}",
            )
        for out in entries(document.get("outs"), name):
            if not (content := named(out)):
                hint = f"dvc update {name}" if document.get("deps") else f"dvc add {out.get('path', '')}"
                raise PipelineError("the output has no hash, so nothing says which data it is", where=name, hint=hint)
            yield Tracked(posixpath.normpath(posixpath.join(folder, str(out.get("path")))), content, name)

    def document(self, name: str) -> dict[str, Any]:
        """A YAML file of DVC's as a map; {} where there is none. Raises PipelineError."""
        if name not in self._documents:
            try:
                value = load(self.tree.read(name)).value if self.tree.exists(name) else {}
            except YamlError as error:
                where = f"{name}:{error.line}" if error.line else name
                raise PipelineError(error.message, where=where, hint="git log shows who changed it last") from None
            if value is not None and not isinstance(value, dict):
                raise PipelineError("must be a map", where=name)
            self._documents[name] = value or {}
        return self._documents[name]

    def locked_outs(self, stage: Stage) -> dict[str, str]:
        """Path from the root → hash, of the outputs in a stage's entry in dvc.lock; {} where there is none."""
        name = posixpath.join(posixpath.dirname(stage.file), "dvc.lock")
        stages = self.document(name).get("stages") or {}
        entry = stages.get(stage.name) if isinstance(stages, dict) else None
        outs = entries((entry or {}).get("outs"), name) if isinstance(entry, dict) else []
        return {posixpath.normpath(posixpath.join(stage.wdir, str(out.get("path")))): named(out) for out in outs}

    def contents(self, root: str, path: str, *, without: Collection[str] = ()) -> dict[str, str]:
        """Names of all content behind a path, by path: a file, all files of a folder, DVC's data at, in or around it.

        Links are followed as far as they stay in the repository. `without` leaves out paths and what is below them.
        {} where nothing is there. Raises PipelineError for a link that leaves the repository.
        """
        found: dict[str, str] = {}
        self._collect(root, path, frozenset(without), found, MOST_LINKS)
        return found

    def _collect(self, root: str, path: str, without: frozenset[str], found: dict[str, str], links: int) -> None:
        for folder in (path, *ancestors(path)):
            kind = self.tree.kind(folder)
            if kind == "link":
                found[folder] = self.tree.digest(folder)
                target = self._target(folder, links)
                rest = path[len(folder) :].lstrip("/")
                return self._collect(root, posixpath.normpath(posixpath.join(target, rest)), without, found, links - 1)
            if kind == "module" or (kind and folder == path):
                found[folder] = self.tree.digest(folder)
                return None
        found.update({at: item.hash for at, item in self.tracked(root).around(path).items()})
        for file in self.files.below(path):
            if file in found or is_record(file) or file in self.ignored:
                continue
            if any(is_inside(file, out) for out in without):
                continue
            if self.tree.kind(file) == "link":
                self._collect(root, file, without, found, links - 1)
            else:
                found[file] = self.tree.digest(file)
        return None

    def _target(self, link: str, links: int) -> str:
        target = self.tree.read(link).decode("utf-8", "surrogateescape")
        full = posixpath.normpath(posixpath.join(posixpath.dirname(link), target))
        if target.startswith("/") or full.startswith("../") or full == ".." or links <= 0:
            why = "goes in a circle" if links <= 0 else "leaves the repository, so nothing names its content"
            raise PipelineError(f"the symbolic link '{link}' {why}", hint="commit the file itself, or 'dvc add' it")
        return full


def in_git(name: str) -> bool:
    """Whether a content name is git's, so that the content is in the checkout; any other is DVC's."""
    return name.startswith(("git:", "link:", "commit:"))


def is_data(path: str, name: str) -> bool:
    """Whether a source is data: all that DVC keeps, and, of what git keeps, the files in a format of tables."""
    return not in_git(name) or path.lower().endswith(TABLES)


def named(out: dict[str, Any]) -> str:
    """The hash that DVC keeps of an output, with its kind; '' where it keeps none."""
    for kind in HASHES:
        if out.get(kind):
            return f"{kind}:{out[kind]}"
    files = out.get("files")
    return f"files:{digest_of(files)}" if isinstance(files, list) and files else ""


def entries(section: Any, where: str) -> list[dict[str, Any]]:
    """A list of maps, as DVC writes outs and deps. Raises PipelineError."""
    if section is None:
        return []
    if not isinstance(section, list) or not all(isinstance(item, dict) for item in section):
        raise PipelineError("outs and deps must be lists of maps", where=where, hint="let DVC write this file")
    return section


def is_record(path: str) -> bool:
    """Files that DVC or Python write beside others are records of them, and part of no input."""
    name = posixpath.basename(path)
    written = name.endswith((".dvc", ".pyc")) or name in ("dvc.lock", ".gitignore", ".dvcignore", ".DS_Store")
    return written or "/.dvc/" in f"/{path}" or "/__pycache__/" in f"/{path}"
