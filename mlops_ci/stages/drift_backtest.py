"""Replay the windows there are: when would it have fired, and how often would it fire for nothing?

A shuffled window has rows drawn by chance from all windows that did not breach: it is as far from the reference as is
ordinary, and what breaches there is a false alarm. Where every window breached nobody knows what is ordinary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mlops_ci.errors import UsageError, did_you_mean
from mlops_ci.ports.drift import Compared, Watched
from mlops_ci.ports.say import Say
from mlops_ci.records.backtest import Backtest, ColumnTrend, Fired, Suggestion
from mlops_ci.records.drift import ColumnDrift, Window
from mlops_ci.records.results import Status, status_of
from mlops_ci.stages.drift import Watch, chosen, ranked, rules_of
from mlops_ci.stages.drift_rules import Case, judge
from mlops_ci.stages.drift_signal import BREACH, FINE, UNJUDGED

SHUFFLED = 20
PREDICTION = "prediction"  # the name of the answers' threshold
ROUND = 1000  # thresholds are suggested to three digits
ABOVE_NOISE = 1.5  # a suggested threshold lies so far above what is ordinary
QUANTILE = 0.95


def tried(watch: Watch, thresholds: Mapping[str, float]) -> Watch:
    """The same with other thresholds, by column; `prediction` is that of the answers. Raises UsageError for a column
    that is not watched."""
    drift = watch.drift
    known = [item.name for item in watch.reference.columns if item.name != watch.reference.label]
    for name in thresholds:
        if name != PREDICTION and name not in known:
            hint = did_you_mean(name, known, f"columns: {', '.join(known[:20])}; '{PREDICTION}' for the answers")
            raise UsageError(f"the reference has no column '{name}'", hint=hint, docs="drift.md#backtest")
    columns = {name: value for name, value in thresholds.items() if name != PREDICTION}
    answers = thresholds.get(PREDICTION, drift.prediction_threshold)
    changed = replace(drift, columns={**drift.columns, **columns}, prediction_threshold=answers)
    return replace(watch, model=replace(watch.model, drift=changed))


def backtest(watch: Watch, *, windows: int, shuffles: int, suggest: bool, say: Say) -> Backtest:
    """All windows by the thresholds of the config, and `shuffles` shuffled ones. Decay takes no part: labels have no
    threshold to be chosen. Raises as `drift` does."""
    rules = rules_of(watch.drift)
    with watch.production.open(watch.reference, watch.kept.sample, now=watch.now.timestamp(), say=say) as watched:
        some = chosen(watched.windows(), watch.until, windows)
        found = _compared(watched, some, watch, say)
        good = [(window, item.rows) for window, item in zip(some, found, strict=True) if _state(watch, item) == FINE]
        mixed = []
        for seed in range(shuffles if good else 0):
            say(f"shuffled window {seed + 1} of {shuffles}")
            rows = int(np.median([count for _, count in good]))
            mixed.append(watched.shuffled([window for window, _ in good], rules, rows=rows, seed=seed))
    return _told(watch, some, found, mixed, suggest=suggest)


def _compared(watched: Watched, windows: Sequence[Window], watch: Watch, say: Say) -> list[Compared]:
    found = []
    for window in windows:
        say(f"reading {window.name}")
        found.append(watched.compare(window, rules_of(watch.drift)))
    return found


def _told(
    watch: Watch, windows: Sequence[Window], found: Sequence[Compared], mixed: Sequence[Compared], *, suggest: bool
) -> Backtest:
    states = [_state(watch, item) for item in found]
    noise = [_state(watch, item) for item in mixed]
    columns = tuple(_trend(name, found, mixed) for name in _names(found))
    return Backtest(
        model=watch.model.name,
        windows=tuple(window.name for window in windows),
        rows=tuple(item.rows for item in found),
        states=tuple(states),
        shares=tuple(_share(item) for item in found),
        fired=_fired(windows, states, watch.drift.consecutive),
        shuffled=len(noise),
        false_alarms=sum(state == BREACH for state in noise),
        columns=columns,
        suggestion=_suggested(columns, mixed) if suggest and mixed else None,
    )


def _state(watch: Watch, found: Compared) -> str:
    if found.rows < watch.drift.min_rows:
        return UNJUDGED
    case = Case(
        drift=watch.drift,
        reference=watch.reference,
        compared=found,
        columns=ranked(found.columns, watch.reference),
        predictions=found.predictions,
        decay=None,
        usual=0.0,
        where="",
    )
    return FINE if status_of(judge(case).checks) is Status.PASSED else BREACH


def _fired(windows: Sequence[Window], states: Sequence[str], needed: int) -> tuple[Fired, ...]:
    """Each time that enough windows in a row had breached, and how long it stayed."""
    found: list[Fired] = []
    row = 0
    for window, state in zip(windows, states, strict=True):
        if state == UNJUDGED:
            continue
        row = row + 1 if state == BREACH else 0
        if row == needed:
            found.append(Fired(window=window.name, lasted=1))
        elif row > needed:
            found[-1] = replace(found[-1], lasted=found[-1].lasted + 1)
    return tuple(found)


def _names(found: Sequence[Compared]) -> list[str]:
    return list(dict.fromkeys(item.name for one in found for item in (*one.columns, *one.predictions)))


def _values(found: Sequence[Compared], name: str) -> tuple[float, ...]:
    every = (item for one in found for item in (*one.columns, *one.predictions))
    return tuple(item.value for item in every if item.name == name and item.value is not None)


def _trend(name: str, found: Sequence[Compared], mixed: Sequence[Compared]) -> ColumnTrend:
    noise = _values(mixed, name)
    limits = [item.threshold for one in found for item in (*one.columns, *one.predictions) if item.name == name]
    return ColumnTrend(
        name=name,
        threshold=limits[0],
        values=_values(found, name),
        noise=float(np.quantile(noise, QUANTILE)) if noise else None,
    )


def _share(found: Compared) -> float:
    compared: list[ColumnDrift] = [item for item in found.columns if item.value is not None]
    return sum(item.drifted for item in compared) / len(compared) if compared else 0.0


def _suggested(columns: Sequence[ColumnTrend], mixed: Sequence[Compared]) -> Suggestion:
    """Thresholds above what is ordinary: where the config's own is below that, half again as much as it."""
    answers = {item.name for one in mixed for item in one.predictions}
    raised = {
        item.name: _rounded(ABOVE_NOISE * item.noise)
        for item in columns
        if item.noise is not None and item.noise >= item.threshold
    }
    predictions = [value for name, value in raised.items() if name in answers]
    return Suggestion(
        columns={name: value for name, value in sorted(raised.items()) if name not in answers},
        prediction_threshold=max(predictions, default=None),
    )


def _rounded(value: float) -> float:
    return float(np.ceil(value * ROUND) / ROUND)
