"""What a digest reads: the files of one state of a repository."""

from __future__ import annotations

from collections.abc import Iterable
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
