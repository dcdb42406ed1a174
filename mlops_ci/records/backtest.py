"""What a replay of drift's windows found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fired:
    """A window at which enough had breached in a row; `lasted` counts it and those after it that breached, too."""

    window: str
    lasted: int


@dataclass(frozen=True, kw_only=True)
class ColumnTrend:
    """A column's distances, the oldest first; `noise` is the 95 % quantile of those of shuffled windows."""

    name: str
    threshold: float
    values: tuple[float, ...]
    noise: float | None


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """Thresholds to raise: by column, and of predictions, None where that is high enough."""

    columns: Mapping[str, float]
    prediction_threshold: float | None = None

    @property
    def nothing(self) -> bool:
        """Whether all are high enough."""
        return not self.columns and self.prediction_threshold is None


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """`states` and `shares` are of `windows`, the oldest first; `false_alarms` counts breaches among `shuffled`."""

    model: str
    windows: tuple[str, ...]
    rows: tuple[int, ...]
    states: tuple[str, ...]
    shares: tuple[float, ...]
    fired: tuple[Fired, ...]
    shuffled: int
    false_alarms: int
    columns: tuple[ColumnTrend, ...]
    suggestion: Suggestion | None = None
