"""What watching production found, window by window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_ci.records.evaluation import Interval
from mlops_ci.records.results import Check


@dataclass(frozen=True, kw_only=True)
class Window:
    """Some rows of production. `name` is the same whenever these rows are looked at: a file's name, the time it begins
    (ISO 8601, UTC), or the place of its first row. Of a length of time `begin` and `end` are seconds since 1970; of a
    number of rows they count rows from 0. The end is not part of it."""

    name: str
    begin: float = 0.0
    end: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """One column over all rows of a window. `missing` counts nulls and NaN, `mistyped` what is no number in a column
    of numbers, `outside` numbers beyond the reference's range, `unseen` rows with a category it does not know.
    `there` is false of a column that the rows lack, `distinct` counts values where that costs nothing."""

    name: str
    rows: int
    there: bool = True
    dtype: str = ""
    missing: int = 0
    infinite: int = 0
    mistyped: int = 0
    outside: int = 0
    unseen: int = 0
    distinct: int | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Then and now, to draw: parts of a column by name, and each part's share of the known values, from 0 to 1."""

    names: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ColumnDrift:
    """A column's distance from the reference. `threshold` is the config's, or `chance`, what sampling alone may bring,
    where that is more. `full` is of all rows; `sampled` is Evidently's, of a sample. `value` is
    the one that decides; None where the column can't be compared, and `reason` says why. `rank` is value ÷ threshold
    × importance: how much it matters."""

    name: str
    kind: str
    method: str
    threshold: float
    value: float | None = None
    full: float | None = None
    sampled: float | None = None
    chance: float | None = None
    drifted: bool = False
    importance: float | None = None
    rank: float | None = None
    reason: str = ""
    shares: Shares | None = None


@dataclass(frozen=True, kw_only=True)
class Decay:
    """A metric on the labelled rows of a window against the holdout's, and against the last good window's. `difference`
    is window − holdout in the metric's own units. `decayed` is false where noise can explain it; `reason` says why
    nothing could be told."""

    metric: str
    higher_is_better: bool
    labelled: int
    rows: int
    current: Interval | None = None
    holdout: Interval | None = None
    difference: Interval | None = None
    before: Interval | None = None
    since: Interval | None = None
    decayed: bool = False
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class WindowResult:
    """One window judged. `state`: breach, fine, or unjudged (too few rows, or
    no predictions where other windows have them). `share` is the share of the compared
    columns that drifted. `engine` says what computed the distances that count; `extra` are columns that the reference
    does not know, `unknown` names of the config that there is no such column for."""

    window: Window
    state: str
    rows: int
    engine: str
    newest: str = ""
    sampled: int = 0
    share: float = 0.0
    drifted: tuple[str, ...] = ()
    breached: tuple[str, ...] = ()
    columns: tuple[ColumnDrift, ...] = ()
    predictions: tuple[ColumnDrift, ...] = ()
    facts: tuple[ColumnFacts, ...] = ()
    duplicates: float | None = None
    decay: Decay | None = None
    checks: tuple[Check, ...] = ()
    band: int = 0
    extra: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What a retraining pull request goes by. `consecutive` counts the newest windows that breach in a row, unjudged
    ones left out, or the newest ones with labels in which the metric fell, whichever are more; `metric` names it, ''
    where it takes no part. `band` is 1 to 3, 0 without a breach; `fingerprint` stays as long as all of this does."""

    breach: bool
    consecutive: int
    needed: int
    windows: tuple[str, ...]
    columns: tuple[str, ...]
    band: int
    fingerprint: str
    metric: str = ""

    @property
    def in_a_row(self) -> str:
        """How many there are, and how many it takes."""
        if self.consecutive <= self.needed:
            return f"{self.consecutive} of {self.needed} windows in a row breach"
        return f"{self.consecutive} windows in a row breach, {self.needed} needed"


@dataclass(frozen=True, kw_only=True)
class MetricSeen:
    """The metric of a window, by its name, that is older than those looked at: its labels are the newest there are."""

    window: str
    decay: Decay


@dataclass(frozen=True, kw_only=True)
class DriftDetails:
    """The details of a `drift` result. `windows` are the ones looked at, the oldest first; `stamp` says what was there
    to be read, and by which rules: while it stays, nothing has to be read again. `newest` is the time of the newest
    row (ISO 8601), '' where rows have no time; `late` are windows before those whose labels decide, the oldest first;
    `until` names the window that a replay of history was asked for, '' of the newest. `asked` is the moment of asking
    (seconds since 1970) and `again` the one (0 for never) from which on the passing of time alone may change the
    answer."""

    version: str
    model_digest: str
    environment: str
    source: str
    stamp: str
    signal: Signal
    windows: tuple[WindowResult, ...]
    reference_rows: int
    reference_sample: int
    importance: Mapping[str, float] = field(default_factory=dict)
    newest: str = ""
    late: tuple[MetricSeen, ...] = ()
    until: str = ""
    asked: float = 0.0
    again: float = 0.0
    notes: tuple[str, ...] = ()
