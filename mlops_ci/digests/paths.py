"""Paths of a repository: what lies around them, and what lies below."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from posixpath import dirname
from typing import Generic, TypeVar

Value = TypeVar("Value")


def ancestors(path: str) -> Iterator[str]:
    """Every folder around a path, the nearest first, '' last."""
    while path:
        path = dirname(path)
        yield path


def is_inside(path: str, folder: str) -> bool:
    """Whether a path is `folder` or lies below it; '' and '.' are the root."""
    return folder in ("", ".") or path == folder or path.startswith(f"{folder}/")


class PathMap(Generic[Value]):
    """Something for each of many paths, asked for by neighbourhood."""

    def __init__(self, items: Mapping[str, Value]) -> None:
        self.items = items
        self.ordered = sorted(items)

    def below(self, folder: str) -> list[str]:
        """The paths strictly below a folder ('' and '.' are the root)."""
        if folder in ("", "."):
            return self.ordered
        first, last = (bisect.bisect_left(self.ordered, f"{folder}{end}") for end in ("/", "0"))  # '0' follows '/'
        return self.ordered[first:last]

    def around(self, path: str) -> dict[str, Value]:
        """What is known of this path, of the folders around it, and of everything below it."""
        near = [at for at in (path, *ancestors(path)) if at in self.items]
        return {at: self.items[at] for at in (*near, *self.below(path))}
