"""Rows in the order of their scores, ties together: sorted once for every metric that ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_ci.evaluation.sorting import descending

Counts = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
BLOCK = 1 << 17


@dataclass(frozen=True, kw_only=True)
class Block:
    """Some distinct scores, from the highest to the lowest. `starts` and `before` count the rows, and the positives
    among them, with a higher score; `ends` and `above` those with at least that score (all of one length)."""

    starts: Counts
    ends: Counts
    before: Counts
    above: Counts

    @property
    def inside(self) -> Counts:
        """Positives with just that score."""
        return self.above - self.before

    @property
    def precision(self) -> Floats:
        """The share of positives among the rows with at least that score."""
        return self.above / self.ends

    @property
    def positives_twice(self) -> Floats:
        """Twice the positives with a higher score, plus those with the same."""
        return self.before.astype(np.float64) + self.above

    @property
    def negatives_twice(self) -> Floats:
        """Twice the negatives with a higher score, plus those with the same."""
        return self.starts.astype(np.float64) + self.ends - self.positives_twice


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """`order` (n,): rows from the highest score to the lowest; `truth` (n,) in that order. Of g distinct scores, `ends`
    (g,) counts the rows with at least that score, `above` (g,) the positives among them. Counts are 32 bits: half the
    memory, and enough for two billion rows."""

    order: Counts
    truth: npt.NDArray[np.bool_]
    ends: Counts
    above: Counts

    @property
    def rows(self) -> int:
        return len(self.order)

    @property
    def positives(self) -> int:
        return int(self.above[-1]) if len(self.above) else 0

    def blocks(self) -> Iterator[Block]:
        """The distinct scores in blocks that fit a processor's cache, the block of the lowest first."""
        for first in reversed(range(0, len(self.ends), BLOCK)):
            ends, above = self.ends[first : first + BLOCK], self.above[first : first + BLOCK]
            start, before = (self.ends[first - 1], self.above[first - 1]) if first else (0, 0)
            yield Block(starts=_shifted(ends, start), ends=ends, before=_shifted(above, before), above=above)

    def by_row(self, values: Callable[[Block], tuple[Floats, Floats]]) -> Floats:
        """What `values` says of a positive and of a negative with each distinct score, laid out by row (n,)."""
        laid = np.empty(self.rows)
        for block in self.blocks():
            at_positive, at_negative = values(block)
            rows = slice(int(block.starts[0]), int(block.ends[-1]))
            if len(block.ends) < rows.stop - rows.start:
                sizes = block.ends - block.starts
                at_positive, at_negative = np.repeat(at_positive, sizes), np.repeat(at_negative, sizes)
            laid[self.order[rows]] = np.where(self.truth[rows], at_positive, at_negative)
        return laid

    def parts(self, rows: list[npt.NDArray[Any]]) -> list[Ranks]:
        """The same ranking among some rows alone, for each of `rows`: positions, no row in two of them.

        A stable sort by part keeps the order of the scores within it, so nothing is compared again.
        """
        part, local = self._places(rows)
        places = np.argsort(part[self.order], kind="stable")
        places = places[len(places) - sum(map(len, rows)) :]
        tied = self._tied(places)
        found, start = [], 0
        for size in map(len, rows):
            own = slice(start, start + size)
            ranked = places[own]
            found.append(_ranks(local[self.order[ranked]], self.truth[ranked], tied[own][1:]))
            start += size
        return found

    def _places(self, rows: list[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], Counts]:
        """For each row: the part it is in (−1: none), and its position there."""
        part = np.full(self.rows, -1, dtype=code_kind(len(rows)))
        local = np.zeros(self.rows, dtype=np.int32)
        for code, own in enumerate(rows):
            part[own] = code
            local[own] = np.arange(len(own), dtype=np.int32)
        return part, local

    def _tied(self, places: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Whether each of these ranked rows has the same score as the one before it."""
        if len(self.ends) == self.rows:
            return np.zeros(len(places), dtype=bool)
        score = np.repeat(np.arange(len(self.ends), dtype=np.int32), np.diff(self.ends, prepend=0))[places]
        return np.append(False, score[1:] == score[:-1])


def code_kind(count: int) -> type[np.signedinteger[Any]]:
    """The smallest integer for codes below `count` and −1: numpy sorts those of 8 and 16 bits by radix."""
    return np.int8 if count < 2**7 else np.int16 if count < 2**15 else np.int64


def _shifted(values: Counts, first: int) -> Counts:
    found = np.empty_like(values)
    found[0] = first
    found[1:] = values[:-1]
    return found


def _ranks(order: npt.NDArray[Any], truth: npt.NDArray[np.bool_], tied: npt.NDArray[np.bool_]) -> Ranks:
    """`tied` (n − 1,): whether each row but the first has the same score as the one before it."""
    last = np.append(~tied, True) if len(order) else np.empty(0, dtype=bool)
    ends = np.flatnonzero(last).astype(np.int32)
    above = np.cumsum(truth, dtype=np.int32)[ends]
    ends += 1
    return Ranks(order=order.astype(np.int32, copy=False), truth=truth, ends=ends, above=above)


def rank(truth: npt.NDArray[np.bool_], probability: npt.NDArray[Any]) -> Ranks:
    """Sort. `truth` and `probability` are (n,)."""
    order, scores = descending(probability)
    return _ranks(order, truth[order], scores[1:] == scores[:-1])
