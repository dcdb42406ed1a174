"""Work on large arrays side by side: numpy lets go of the interpreter's lock while it sorts and sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
WORTH_IT = 100_000
WORKERS = 2


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item], *, rows: int) -> list[Result]:
    """`[function(item) for item in items]`, two at a time where there are rows enough; two, because memory counts."""
    if rows < WORTH_IT:
        return [function(item) for item in items]
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(function, items))
