"""Two trees that answer alike: a commit's files, and the working tree as git would commit it now.

Content is always named as git stores it (after clean filters), so a checkout with other line endings, or with
large files fetched or not, has the same names.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mlops_ci.errors import BackendError
from mlops_ci.io import git_command

LINK, MODULE = "120000", "160000"
KINDS = {LINK: "link", MODULE: "module"}
BATCH_BYTES = 1024 * 1024  # changed files up to this size are hashed together, larger ones when they are asked for


@dataclass(frozen=True)
class RevisionTree:
    """The files of one commit. `entries` maps a POSIX path from the root to (mode, object name)."""

    root: Path
    entries: Mapping[str, tuple[str, str]]
    contents: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, root: Path, commit: str, contents: dict[str, bytes]) -> RevisionTree:
        """The tree of a commit; '' is the empty tree. `contents` keeps what was read, for other trees too."""
        entries: dict[str, tuple[str, str]] = {}
        for line in git_command.records(root, "ls-tree", "-r", "-z", "--full-tree", commit) if commit else ():
            meta, _, path = line.partition("\t")
            mode, _, name = meta.split()
            entries[path] = (mode, name)
        return cls(root, entries, contents)

    def paths(self) -> Iterable[str]:
        """Every file, link and submodule."""
        return self.entries.keys()

    def kind(self, path: str) -> str:
        """`file`, `link`, `module` (a submodule), or '' where there is none of these."""
        entry = self.entries.get(path)
        return KINDS.get(entry[0], "file") if entry else ""

    def exists(self, path: str) -> bool:
        """Whether `path` is a file or a link here."""
        return self.kind(path) in ("file", "link")

    def prefetch(self, paths: Iterable[str]) -> None:
        """Read many files with one process; what `read` still misses it fetches one by one."""
        names = {self.entries[path][1] for path in paths if self.exists(path)} - self.contents.keys()
        if names:
            self.contents.update(git_command.objects(self.root, sorted(names)))

    def read(self, path: str) -> bytes:
        """A file's content as git stores it; of a link, where it points. Raises KeyError where there is none."""
        if not self.exists(path):
            raise KeyError(path)
        name = self.entries[path][1]
        if name not in self.contents:
            self.prefetch([path])
        return self.contents[name]

    def digest(self, path: str) -> str:
        """The name git gives the content. Raises KeyError where `path` is nothing here."""
        return f"{_PREFIXES[self.kind(path)]}:{self.entries[path][1]}"


@dataclass(frozen=True)
class WorkingTree:
    """A commit with what is changed on disk laid over it.

    `changed` holds every path that git's status names; `removed` those taken out of the index and ignored since,
    which may still lie on disk.
    """

    root: Path
    head: RevisionTree
    changed: frozenset[str]
    removed: frozenset[str] = frozenset()

    def paths(self) -> Iterable[str]:
        """Every file, link and submodule that is there now."""
        return (self.head.entries.keys() - self.changed) | {path for path in self.changed if self.kind(path)}

    def kind(self, path: str) -> str:
        """`file`, `link`, `module` (a submodule), or '' where there is none of these."""
        return self._kinds[path] if path in self.changed else self.head.kind(path)

    def exists(self, path: str) -> bool:
        """Whether `path` is a file or a link here."""
        return self.kind(path) in ("file", "link")

    def prefetch(self, paths: Iterable[str]) -> None:
        """Read many files with one process."""
        self.head.prefetch(path for path in paths if path not in self.changed)

    def read(self, path: str) -> bytes:
        """A file's content; of a link, where it points. Raises KeyError where there is none."""
        if path not in self.changed:
            return self.head.read(path)
        kind, full = self.kind(path), self.root / path
        if kind not in ("file", "link"):
            raise KeyError(path)
        try:
            return _target(full) if kind == "link" else full.read_bytes()
        except OSError as error:
            raise BackendError(f"could not read {path}: {error.strerror}") from None

    def digest(self, path: str) -> str:
        """The name git would give the content. Raises KeyError where `path` is nothing here."""
        if path not in self.changed:
            return self.head.digest(path)
        kind = self.kind(path)
        return f"{_PREFIXES[kind]}:{self._name(path, kind)}"

    def _name(self, path: str, kind: str) -> str:
        if kind == "module":
            return self._module(path)
        if kind == "link":
            return git_command.hash_text(self.root, _target(self.root / path))
        if path not in self._hashes:
            self._hashes.update(git_command.hashes(self.root, [path]))
        return self._hashes[path]

    def _module(self, path: str) -> str:
        """The commit a submodule is at. Raises BackendError where files in it are changed: they have no name."""
        if git_command.output(self.root / path, "status", "--porcelain", "--untracked-files=no").strip():
            raise BackendError(
                f"the submodule '{path}' has uncommitted changes, so nothing names its content",
                hint=f"commit them inside of {path}, then run again",
            )
        return git_command.output(self.root / path, "rev-parse", "HEAD").decode().strip()

    @cached_property
    def _kinds(self) -> Mapping[str, str]:
        return {path: "" if path in self.removed else self._kind_on_disk(path) for path in self.changed}

    def _kind_on_disk(self, path: str) -> str:
        try:
            mode = (self.root / path).lstat().st_mode
        except (OSError, ValueError):
            return ""
        if stat.S_ISLNK(mode):
            return "link"
        if stat.S_ISREG(mode):
            return "file"
        return "module" if stat.S_ISDIR(mode) and (self.root / path / ".git").exists() else ""

    @cached_property
    def _hashes(self) -> dict[str, str]:
        """Names of all changed files that are small; a large one that no pipeline uses is never read."""
        plain = [path for path in self.changed if self._kinds[path] == "file"]
        return git_command.hashes(self.root, [p for p in plain if (self.root / p).lstat().st_size <= BATCH_BYTES])


_PREFIXES = {"file": "git", "link": "link", "module": "commit"}


def _target(link: Path) -> bytes:
    return str(link.readlink()).encode("utf-8", "surrogateescape")
