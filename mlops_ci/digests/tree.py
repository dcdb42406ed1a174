"""What a digest reads: the files of one state of a repository."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Tree(Protocol):
    """The files of a repository at one moment. Paths are POSIX, from the repository's root."""

    @property
    def root(self) -> Path:
        """The work tree's folder on this machine. It never enters a digest."""

    def paths(self) -> Iterable[str]:
        """Every file, link and submodule."""

    def kind(self, path: str) -> str:
        """`file`, `link`, `module` (a submodule), or '' where there is none of these."""

    def exists(self, path: str) -> bool:
        """Whether `path` is a file or a link here."""

    def prefetch(self, paths: Iterable[str]) -> None:
        """A hint that these will be read."""

    def read(self, path: str) -> bytes:
        """A file's content; of a link, where it points. Raises KeyError where there is none."""

    def digest(self, path: str) -> str:
        """A name for the content that is the same on every machine. Raises KeyError where there is none."""


@dataclass(frozen=True, kw_only=True)
class Patched:
    """`tree` with the files at `taken` as `other` has them: those it lacks are gone."""

    tree: Tree
    other: Tree
    taken: Collection[str]

    @property
    def root(self) -> Path:
        return self.tree.root

    def paths(self) -> Iterable[str]:
        return (set(self.tree.paths()) - set(self.taken)) | {path for path in self.taken if self.other.kind(path)}

    def kind(self, path: str) -> str:
        return self._of(path).kind(path)

    def exists(self, path: str) -> bool:
        return self._of(path).exists(path)

    def prefetch(self, paths: Iterable[str]) -> None:
        self.tree.prefetch(path for path in paths if path not in self.taken)

    def read(self, path: str) -> bytes:
        return self._of(path).read(path)

    def digest(self, path: str) -> str:
        return self._of(path).digest(path)

    def _of(self, path: str) -> Tree:
        return self.other if path in self.taken else self.tree
