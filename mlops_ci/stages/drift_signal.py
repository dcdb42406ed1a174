"""Which of the newest windows breach in a row, and whether they are enough.

There are two rows. One is of the newest windows. The other is of the newest windows that have labels: those come late,
so that the newest window hardly ever has any, and says nothing about the metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from mlops_ci.config.types import Drift
from mlops_ci.digests.canonical import digest_of
from mlops_ci.records.drift import Decay, DriftDetails, MetricSeen, Signal, WindowResult
from mlops_ci.records.results import Check, Status

if TYPE_CHECKING:
    from mlops_ci.stages.drift import Watch

BREACH, FINE, UNJUDGED = "breach", "fine", "unjudged"
METRIC = "metric"  # the name of its check
STALE_BAND, METRIC_BAND = 2, 3
BACK = 4  # times `history`: so many windows are looked through for labels that come late


@dataclass(frozen=True, kw_only=True)
class _Bad:
    """A window that counts. `metric` names the metric that fell in it, '' for none."""

    name: str
    columns: tuple[str, ...]
    band: int
    metric: str


def windows_back(drift: Drift) -> int:
    """How many windows may be looked at."""
    labels = drift.labels
    return drift.history * (BACK if labels.data or labels.label or labels.metric else 1)


def told(decay: Decay | None) -> bool:
    """Whether labels have said anything."""
    return decay is not None and decay.difference is not None and not decay.reason


def signal_of(watch: Watch, windows: Sequence[WindowResult], late: Sequence[MetricSeen], *, stale: bool) -> Signal:
    """The longer one of the two rows, what its windows have in common, and whether they are enough. Windows before
    `history` are told and don't count, so that every machine counts alike, whenever it last ran; `late` are those
    before it whose labels are needed, the oldest first."""
    counted = windows[-watch.drift.history :]
    row = _moved(counted)
    fell = _fell(counted, late)
    row = fell if len(fell) > len(row) else row
    names = tuple(item.name for item in row)
    columns = tuple(sorted({name for item in row for name in item.columns}))
    metric = next((item.metric for item in row if item.metric), "")
    band = max([*(item.band for item in row), STALE_BAND if stale else 0])
    return Signal(
        breach=stale or len(row) >= watch.drift.consecutive,
        consecutive=len(row),
        needed=watch.drift.consecutive,
        windows=names,
        columns=columns,
        band=band,
        fingerprint=digest_of([watch.version.model_digest, list(names), list(columns), band, stale]),
        metric=metric,
    )


def _moved(windows: Sequence[WindowResult]) -> list[_Bad]:
    """The newest windows in a row that breach, the oldest first; those that can't be judged are left out."""
    row = takewhile(lambda item: item.state != FINE, reversed(windows))
    found = [
        _Bad(name=item.window.name, columns=item.breached, band=item.band, metric=_metric_of(item.decay))
        for item in row
        if item.state == BREACH
    ]
    return found[::-1]


def _fell(windows: Sequence[WindowResult], late: Sequence[MetricSeen]) -> list[_Bad]:
    """The newest windows with labels in a row in which the metric fell, the oldest first."""
    every: list[tuple[str, tuple[str, ...], Decay]] = [(item.window, (), item.decay) for item in late]
    for item in windows:
        if item.decay is not None and told(item.decay):
            every.append((item.window.name, item.breached, item.decay))
    row = takewhile(lambda item: item[2].decayed, reversed(every))
    found = [_Bad(name=name, columns=columns, band=METRIC_BAND, metric=decay.metric) for name, columns, decay in row]
    return found[::-1]


def _metric_of(decay: Decay | None) -> str:
    return decay.metric if decay is not None and decay.decayed else ""


def metric_check(details: DriftDetails, where: str) -> list[Check]:
    """A red check where the metric fell in a row of windows that are not the newest ones."""
    signal = details.signal
    last = next((item for item in reversed(details.windows) if item.state != UNJUDGED), None)
    if not signal.metric or (last is not None and told(last.decay)):
        return []
    message = f"{signal.metric} fell in {', '.join(signal.windows)}: the newest windows with labels"
    return [Check(name=METRIC, status=Status.FAILED, message=message, where=where)]


def reason_of(details: DriftDetails, last: WindowResult | None, fresh: Sequence[Check]) -> str:
    """A result's one line."""
    signal = details.signal
    if stale := next((check for check in fresh if check.red), None):
        return stale.message
    if last is None:
        return "no window with enough rows is over yet"
    if not signal.consecutive:
        return f"{last.window.name}: {last.rows:,} rows, {100 * last.share:.3g} % of the columns drifted; no breach"
    moved = [*([f"{signal.metric} fell"] if signal.metric else []), *signal.columns[:5]]
    return f"{signal.in_a_row}, the newest {signal.windows[-1]}: {', '.join(moved) or 'all rows'}"
