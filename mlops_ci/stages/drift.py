"""Watch production: compare its newest windows with the champion's reference, and say whether enough of them breach."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import median

from mlops_ci.config.types import Drift, Model
from mlops_ci.errors import DataError, UsageError, did_you_mean
from mlops_ci.ports.drift import Compared, Distances, Production, Rules, Watched
from mlops_ci.ports.say import Say
from mlops_ci.records.codec import encode
from mlops_ci.records.drift import ColumnDrift, Decay, DriftDetails, Window, WindowResult
from mlops_ci.records.models import Version
from mlops_ci.records.reference import Reference
from mlops_ci.records.results import Check, Severity, StageResult, Status, status_of
from mlops_ci.stages.decay import Yardstick, late_metrics, measure
from mlops_ci.stages.drift_rules import Case, judge
from mlops_ci.stages.drift_signal import BREACH, FINE, UNJUDGED, metric_check, reason_of, signal_of
from mlops_ci.stages.freshness import Newest, again, freshness
from mlops_ci.stages.reference import Kept

STAGE = "drift"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What is asked. `until` names the last window to look at, '' for the newest; `seen` is the newest one of the last
    run, '' where nobody knows: what came since is judged, too. `stamp` is kept with the answer; `where` takes a key
    below `drift`."""

    model: Model
    version: Version
    environment: str
    kept: Kept
    production: Production
    yardstick: Yardstick
    now: datetime
    stamp: str
    where: Callable[[str], str]
    until: str = ""
    seen: str = ""

    @property
    def drift(self) -> Drift:
        return self.model.drift

    @property
    def reference(self) -> Reference:
        return self.kept.reference


def rules_of(drift: Drift) -> Rules:
    """How columns are compared."""
    return Rules(
        method=drift.method,
        category_method=drift.category_method,
        threshold=drift.threshold,
        prediction_threshold=drift.prediction_threshold,
        columns=drift.columns,
        chance=drift.chance,
        most=drift.sample if drift.engine == "evidently" else 0,
    )


def drift(watch: Watch, *, distances: Distances, scratch: Path, say: Say) -> StageResult:
    """Judge the newest windows. Raises DataError for rows that can't be read, BackendError where a source is down,
    UsageError for a window that is not there."""
    moment = watch.now.timestamp()
    with watch.production.open(watch.reference, watch.kept.sample, now=moment, say=say) as watched:
        known = watched.windows()
        some = chosen(known, watch.until, watch.drift.history, seen=watch.seen)
        results = judged(watch, watched, some, distances=distances, scratch=scratch, say=say)
        say("looking for labels that came late")
        late = late_metrics(watch.model, watched, known, results, watch.yardstick)
        newest, notes = Newest.of(watched), watched.notes
    fresh = [] if watch.until else freshness(watch.drift, newest, now=moment, where=watch.where("fresh"))
    signal = signal_of(watch, results, late, stale=any(check.red for check in fresh))
    details = DriftDetails(
        version=watch.version.number,
        model_digest=watch.version.model_digest,
        environment=watch.environment,
        source=watch.production.name,
        stamp=watch.stamp,
        signal=signal,
        windows=tuple(results),
        reference_rows=watch.reference.rows,
        reference_sample=watch.reference.sampled,
        importance={item.column: item.share for item in watch.reference.importance if item.share is not None},
        newest=newest.row,
        late=tuple(late),
        until=watch.until,
        asked=moment,
        again=again(watch.drift, newest, moment),
        notes=(*notes, *watch.reference.notes, *silent(watch, results)),
    )
    return _result(watch, details, fresh)


def chosen(windows: Sequence[Window], until: str, history: int, *, seen: str = "") -> Sequence[Window]:
    """The newest ones, and all that came after `seen`; or those up to the one that is named, by its whole name or its
    beginning."""
    if not until:
        missed = next((len(windows) - 1 - place for place, item in enumerate(windows) if item.name == seen), 0)
        return windows[-max(history, missed) :]
    places = [place for place, window in enumerate(windows) if window.name.rpartition("/")[2].startswith(until)]
    places = places or [place for place, window in enumerate(windows) if window.name.startswith(until)]
    if not places:
        some = ", ".join(window.name for window in windows[-5:]) or "none"
        raise UsageError(f"there is no window '{until}'", hint=f"the newest ones: {some}", docs="drift.md#windows")
    return windows[max(0, places[-1] + 1 - history) : places[-1] + 1]


def judged(
    watch: Watch, watched: Watched, windows: Sequence[Window], *, distances: Distances, scratch: Path, say: Say
) -> list[WindowResult]:
    """Each window; those that can decide are Evidently's to judge, where it is asked."""
    rules = rules_of(watch.drift)
    compared: list[Compared] = []
    for window in windows:
        say(f"comparing {window.name}")
        compared.append(watched.compare(window, rules))
    answered = _answered(watch, compared)
    results: list[WindowResult] = []
    good: Decay | None = None
    for place, (window, found) in enumerate(zip(windows, compared, strict=True)):
        others = [item.rows for other, item in enumerate(compared) if other != place and item.rows]
        deciding = place >= len(windows) - watch.drift.consecutive and watch.drift.engine == "evidently"
        sampled = 0
        if deciding and found.rows >= watch.drift.min_rows:
            say(f"asking Evidently about {window.name}")
            found, sampled = by_sample(watch, watched, window, found, distances=distances, scratch=scratch)
        decay = measure(watch.model, watched, window, watch.yardstick, before=good) if found.rows else None
        usual = float(median(others)) if others else 0.0
        result = _window(watch, window, found, decay, usual=usual, sampled=sampled)
        if answered and not found.predictions and result.state == FINE:
            result = replace(result, state=UNJUDGED)  # its answers are lost: nobody knows whether it is fine
        good = decay if result.state == FINE and decay is not None else good
        results.append(result)
    return results


def _answered(watch: Watch, compared: Sequence[Compared]) -> bool:
    """Whether rows hold predictions, in any window. Raises DataError where none has those that the config names."""
    name, some = watch.drift.prediction, [item for item in compared if item.names]
    found = any(item.predictions for item in some)
    if name and some and not found and "prediction" in watch.reference.predictions:
        names = list(dict.fromkeys(column for item in reversed(some) for column in item.names))
        hint = did_you_mean(name, names, f"columns: {', '.join(names[:20])}")
        raise DataError(f"the rows have no column '{name}' (drift.prediction)", hint=hint, docs="drift.md#what-is-read")
    return found


def by_sample(
    watch: Watch, watched: Watched, window: Window, found: Compared, *, distances: Distances, scratch: Path
) -> tuple[Compared, int]:
    """Evidently's distances beside ours, and its verdict in place of ours."""
    folder = scratch / "samples"
    shutil.rmtree(folder, ignore_errors=True)
    rows = watched.sampled(window, folder, rows=watch.drift.sample, seed=watch.drift.seed)
    asked = [item for item in (*found.columns, *found.predictions) if item.value is not None]
    told = distances.compare(folder, asked)

    def merged(item: ColumnDrift) -> ColumnDrift:
        if item.name not in told:
            return item
        value, drifted = told[item.name]
        return replace(item, sampled=value, value=value, drifted=drifted)

    columns, predictions = (tuple(map(merged, part)) for part in (found.columns, found.predictions))
    shutil.rmtree(folder, ignore_errors=True)
    return replace(found, columns=columns, predictions=predictions), rows


def ranked(columns: Sequence[ColumnDrift], reference: Reference) -> tuple[ColumnDrift, ...]:
    """Drift × importance, what matters most first."""
    found = []
    for item in columns:
        worth = reference.importance_of(item.name)
        strength = item.value / item.threshold if item.value is not None and item.threshold else item.value
        rank = None if strength is None or worth is None else strength * worth
        found.append(replace(item, importance=worth, rank=rank))
    return tuple(sorted(found, key=lambda item: (-(item.rank or 0.0), -(item.value or 0.0), item.name)))


def _window(
    watch: Watch, window: Window, found: Compared, decay: Decay | None, *, usual: float, sampled: int
) -> WindowResult:
    columns = ranked(found.columns, watch.reference)
    answer = judge(
        Case(
            drift=watch.drift,
            reference=watch.reference,
            compared=found,
            columns=columns,
            predictions=found.predictions,
            decay=decay,
            usual=usual,
            where=watch.where(""),
        )
    )
    state = FINE if status_of(answer.checks) is Status.PASSED else BREACH
    if found.rows < watch.drift.min_rows:
        state = UNJUDGED
    return WindowResult(
        window=window,
        state=state,
        rows=found.rows,
        engine="evidently" if sampled else "spark" if watch.drift.engine == "spark" else "duckdb",
        newest=found.newest,
        sampled=sampled,
        share=answer.share,
        drifted=tuple(item.name for item in columns if item.drifted),
        breached=answer.breached if state == BREACH else (),
        columns=columns,
        predictions=found.predictions,
        facts=found.facts,
        duplicates=found.duplicates,
        decay=decay,
        checks=answer.checks,
        band=answer.band if state == BREACH else 0,
        extra=found.extra,
        unknown=tuple(_unknown(watch, found.names)),
    )


def _unknown(watch: Watch, names: Sequence[str]) -> Iterator[str]:
    """What the config has a threshold for, or leaves out, and is nowhere."""
    known = {item.name for item in watch.reference.columns}
    for key, asked, there in (
        ("columns", watch.drift.columns, known),
        ("ignore", watch.drift.ignore, {*known, *names}),
    ):
        for name in asked:
            if name not in there:
                close = did_you_mean(name, sorted(there), "")
                yield f"drift.{key} names '{name}', and there is no such column" + (f"; {close}" if close else "")


def silent(watch: Watch, windows: Sequence[WindowResult]) -> list[str]:
    """What could not be told, and why."""
    notes = []
    if watch.reference.predictions and windows and not windows[-1].predictions:
        notes.append("the rows hold no predictions, so whether those moved can't be told")
    if windows and windows[-1].extra:
        notes.append(f"not inputs of the model, and not watched: {', '.join(windows[-1].extra)}")
    if windows:
        notes += windows[-1].unknown
    for item in windows:
        if item.state == UNJUDGED and item.rows < watch.drift.min_rows:
            notes.append(f"{item.window.name} has {item.rows:,} rows, too few to be judged")
        elif item.state == UNJUDGED:
            notes.append(f"{item.window.name} holds no predictions, as other windows do, so it can't be judged")
    return notes


def _result(watch: Watch, details: DriftDetails, fresh: Sequence[Check]) -> StageResult:
    """The newest judged window's checks; red where enough windows breach, or nothing comes any more."""
    signal = details.signal
    judged = [item for item in details.windows if item.state != UNJUDGED]
    last = judged[-1] if judged else None
    checks = [*fresh, *metric_check(details, watch.where("labels")), *(last.checks if last else ())]
    if not signal.breach:
        checks = [replace(check, severity=Severity.WARN) if check.red else check for check in checks]
    status = Status.FAILED if signal.breach else Status.PASSED if judged else Status.SKIPPED
    return StageResult(
        stage=STAGE,
        model=watch.model.name,
        status=status,
        reason=reason_of(details, last, fresh),
        checks=tuple(checks),
        outputs={
            "drift": "breach" if signal.breach else "none",
            "fingerprint": signal.fingerprint,
            "band": str(signal.band),
        },
        details=encode(details),
    )
