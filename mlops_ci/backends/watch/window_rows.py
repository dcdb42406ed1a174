"""What is asked of the rows of a window, whatever engine has them: counts only, so that no row has to come here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mlops_ci.evaluation.distances import Bins

MOST_VALUES = 2_000  # of a category that are looked at one by one


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A column of numbers: how many are finite, and the least and the greatest of those; the rest by what it is."""

    finite: int
    low: float | None
    high: float | None
    missing: int = 0
    mistyped: int = 0
    infinite: int = 0


@dataclass(frozen=True, kw_only=True)
class Counted:
    """`counts` and `sums` (bins + 2,) of finite numbers, the part below first; `outside` of the two limits."""

    counts: Any
    sums: Any
    outside: int


@dataclass(frozen=True, kw_only=True)
class Values:
    """The most frequent values of a column as texts, of all that are `known`; the rest is missing or mistyped."""

    times: Mapping[str, int]
    known: int
    missing: int
    mistyped: int


class WindowRows(Protocol):
    """All rows of a window. A number that a column of another type holds as a text counts where the engine reads it."""

    @property
    def rows(self) -> int:
        """How many there are."""

    @property
    def names(self) -> Sequence[str]:
        """Columns."""

    def dtype(self, name: str) -> str:
        """The engine's own word for a column's type; '' of a column that is not there."""

    def kind(self, name: str) -> str:
        """number, category, time or other."""

    def numbers(self, names: Sequence[str]) -> Mapping[str, Numbers]:
        """Several columns in one question."""

    def counted(self, name: str, bins: Bins, known: Numbers, limits: tuple[float, float]) -> Counted:
        """Finite numbers by bin; `known` is what `numbers` has said."""

    def each(self, name: str) -> Sequence[tuple[float, int]]:
        """Finite numbers one by one and how often they come, the most frequent first, at most MOST_VALUES."""

    def values(self, name: str, reference: str) -> Values:
        """A category, spelled as the reference's type has it."""

    def plain(self, name: str, *, time: bool) -> tuple[int, int]:
        """(missing, mistyped) of a column that is not compared."""

    def newest(self) -> str:
        """The newest time, ISO 8601 in UTC; '' where rows have none."""

    def duplicates(self) -> float | None:
        """The share of rows that repeat another one in all columns; None where it can't be told."""

    def of_model(self, column: str, digest: str) -> WindowRows:
        """The answers of one model."""
