"""Rows in the order of their scores, ties together: sorted once for every metric that ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int32]


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

    def starts(self) -> Counts:
        """(g,) the rows with a higher score."""
        return np.concatenate((np.zeros(1, dtype=np.int32), self.ends[:-1]))

    def by_row(self, at_positive: npt.NDArray[np.float64], at_negative: npt.NDArray[np.float64]) -> Any:
        """Values by distinct score and class, laid out by row (n,). Takes its arguments over."""
        if len(self.ends) < self.rows:
            sizes = np.diff(self.ends, prepend=0)
            at_positive, at_negative = np.repeat(at_positive, sizes), np.repeat(at_negative, sizes)
        np.copyto(at_negative, at_positive, where=self.truth)
        at_positive[self.order] = at_negative  # its own values are spent: no third array of n
        return at_positive


def rank(truth: npt.NDArray[np.bool_], probability: npt.NDArray[Any]) -> Ranks:
    """Sort. `truth` and `probability` are (n,)."""
    order = np.argsort(probability)[::-1].astype(np.int32)
    scores = probability[order]
    last = np.append(scores[1:] != scores[:-1], True) if len(scores) else np.empty(0, dtype=bool)
    ranked = truth[order]
    ends = np.flatnonzero(last).astype(np.int32)
    above = np.cumsum(ranked, dtype=np.int32)[ends]
    ends += 1
    return Ranks(order=order, truth=ranked, ends=ends, above=above)
