"""What makes a window breach: limits on the quality of all rows, on drift, on predictions, and on the metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mlops_ci.config.types import Drift
from mlops_ci.evaluation.decay import worse
from mlops_ci.ports.drift import Compared
from mlops_ci.records.drift import ColumnDrift, ColumnFacts, Decay
from mlops_ci.records.reference import Reference
from mlops_ci.records.results import Check, Severity, Status
from mlops_ci.stages.drift_signal import METRIC, METRIC_BAND

SHOWN = 5
ROW_FACTOR = 4.0  # a window with so many times more or fewer rows than usual is told of
MISSING, TYPES, NULLS, INFINITE = "columns", "types", "missing values", "infinities"
UNSEEN, RANGES, REPEATED, ROWS = "unseen categories", "ranges", "repeated rows", "rows"
DRIFT, PREDICTIONS, SINCE = "drifted columns", "predictions", "metric since the last good window"
FRESH, FILES, FUTURE = "fresh", "files", "times"
GUARDS = (MISSING, TYPES, NULLS, INFINITE, UNSEEN, REPEATED)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A window's checks, and the columns that a red one names."""

    checks: tuple[Check, ...]
    breached: tuple[str, ...]
    share: float
    band: int


@dataclass(frozen=True, kw_only=True)
class Case:
    """A window to be judged. `usual` is the median count of rows in the other windows, 0 where there is none."""

    drift: Drift
    reference: Reference
    compared: Compared
    columns: tuple[ColumnDrift, ...]
    predictions: tuple[ColumnDrift, ...]
    decay: Decay | None
    usual: float
    where: str
    redact: tuple[str, ...] = ()


def judge(case: Case) -> Judged:
    """Every rule on one window."""
    rules = [*_guards(case), *_moving(case)]
    checks = tuple(check for check, _ in rules)
    red = [name for check, names in rules for name in names if check.red]
    return Judged(
        checks=checks,
        breached=tuple(dict.fromkeys(red)),
        share=_share(case.columns),
        band=_band(case, checks),
    )


Rule = tuple[Check, Sequence[str]]


def _guards(case: Case) -> Iterator[Rule]:
    limits, reference = case.drift.guards, {item.name: item for item in case.reference.columns}
    facts = [item for item in case.compared.facts if item.there]
    lost = [item.name for item in case.compared.facts if not item.there]
    yield _rule(case, MISSING, lost, "every column is there", lambda name: f"{name} is not there")
    yield _limited(
        case, TYPES, facts, lambda item: item.mistyped / item.rows, lambda item: 0.0, "what it is trained on"
    )
    yield _limited(
        case,
        NULLS,
        facts,
        lambda item: item.missing / item.rows,
        lambda item: reference[item.name].null_share + limits.nulls,
        "no more than before",
    )
    yield _limited(
        case,
        INFINITE,
        facts,
        lambda item: item.infinite / item.rows,
        lambda item: 0.0 if not reference[item.name].infinite else 1.0,
        "none",
    )
    yield _limited(
        case, UNSEEN, facts, lambda item: item.unseen / item.rows, lambda item: limits.unseen, "all are known"
    )
    yield _limited(
        case,
        RANGES,
        facts,
        lambda item: item.outside / item.rows,
        lambda item: limits.outside,
        "within the training data's",
        severity=Severity.WARN,
    )
    yield _repeated(case)
    yield from _warnings(case)


def _rule(
    case: Case,
    name: str,
    bad: Sequence[str],
    good: str,
    tell: Callable[[str], str],
    *,
    severity: Severity = Severity.FAIL,
) -> Rule:
    told = [tell(item) for item in bad[:SHOWN]] + ([f"and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else [])
    status = Status.FAILED if bad else Status.PASSED
    message = "; ".join(told) or good
    return Check(name=name, status=status, severity=severity, message=message, where=case.where), bad


def _limited(
    case: Case,
    name: str,
    facts: Sequence[ColumnFacts],
    value: Callable[[ColumnFacts], float],
    limit: Callable[[ColumnFacts], float],
    good: str,
    *,
    severity: Severity = Severity.FAIL,
) -> Rule:
    """The columns whose share is above their limit, the worst first."""
    over = [(value(item), limit(item), item) for item in facts if item.rows and value(item) > limit(item)]
    over.sort(key=lambda found: found[1] - found[0])
    told = {item.name: f"{item.name} {100 * share:.3g} % (limit {100 * most:.3g} %)" for share, most, item in over}
    return _rule(case, name, list(told), good, lambda column: told[column], severity=severity)


def _repeated(case: Case) -> Rule:
    found, limit = case.compared.duplicates, case.reference.duplicates + case.drift.guards.duplicates
    bad = found is not None and found > limit
    share = "not counted" if found is None else f"{100 * found:.3g} % (limit {100 * limit:.3g} %)"
    status = Status.FAILED if bad else Status.PASSED
    return Check(name=REPEATED, status=status, message=share, where=case.where), ()


def _warnings(case: Case) -> Iterator[Rule]:
    rows, usual = case.compared.rows, case.usual
    if usual and not usual / ROW_FACTOR <= rows <= usual * ROW_FACTOR:
        message = f"{rows:,} rows; other windows have {usual:,.0f}"
        yield _warn(case, ROWS, message), ()
    if case.compared.future:
        message = f"{case.compared.future:,} rows are from the future: did a clock or a time zone change?"
        yield _warn(case, FUTURE, message), ()


def _warn(case: Case, name: str, message: str) -> Check:
    return Check(name=name, status=Status.FAILED, severity=Severity.WARN, message=message, where=case.where)


def _share(columns: Sequence[ColumnDrift]) -> float:
    compared = [item for item in columns if item.value is not None]
    return sum(item.drifted for item in compared) / len(compared) if compared else 0.0


def _moving(case: Case) -> Iterator[Rule]:
    """Drift of columns matters where predictions or metric move, or where nobody can tell whether they do."""
    predicted = _predictions(case)
    decayed = case.decay is not None and case.decay.decayed
    told = any(item.value is not None for item in case.predictions)
    told = told or (case.decay is not None and case.decay.difference is not None and not case.decay.reason)
    moved = predicted[0].red or decayed
    counts = case.drift.covariate == "fail" or moved or not told
    yield _columns(case, Severity.FAIL if counts else Severity.WARN, moved=moved, told=told)
    if case.predictions:
        yield predicted
    if case.decay is not None:
        yield _metric(case, case.decay), ()
        yield from _since(case, case.decay)


def _columns(case: Case, severity: Severity, *, moved: bool, told: bool) -> Rule:
    compared = [item for item in case.columns if item.value is not None]
    drifted = sorted((item for item in compared if item.drifted), key=lambda item: -(item.rank or 0.0))
    share = _share(case.columns)
    bad = bool(drifted) and share >= case.drift.share
    names = ", ".join(f"{item.name} {item.value:.3g}" for item in drifted[:SHOWN])
    message = f"{len(drifted)} of {len(compared)} columns ({100 * share:.3g} %, limit {100 * case.drift.share:.3g} %)"
    message += f": {names}" if names else ""
    if bad and not moved:
        message += "; neither predictions nor metric moved" if told else "; whether predictions moved can't be told"
    status = Status.FAILED if bad else Status.PASSED
    check = Check(name=DRIFT, status=status, severity=severity, message=message, where=case.where)
    return check, [item.name for item in drifted] if bad else []


def _predictions(case: Case) -> Rule:
    bad = [item for item in case.predictions if item.drifted]
    compared = [item for item in case.predictions if item.value is not None]
    message = "; ".join(
        f"{item.name} {item.value:.3g} by {item.method} (limit {item.threshold:.3g})" for item in bad or compared
    )
    if not compared:
        message = "; ".join(f"{item.name}: {item.reason}" for item in case.predictions)
    status = Status.FAILED if bad else Status.PASSED if compared else Status.SKIPPED
    severity = Severity.FAIL if compared else Severity.WARN
    check = Check(name=PREDICTIONS, status=status, severity=severity, message=message, where=case.where)
    return check, [item.name for item in bad]


def _metric(case: Case, decay: Decay) -> Check:
    if decay.current is None or decay.difference is None or decay.reason:
        message = f"{decay.metric} has no answer: {decay.reason}"
        return Check(name=METRIC, status=Status.SKIPPED, severity=Severity.WARN, message=message, where=case.where)
    low, high = decay.difference.low or 0.0, decay.difference.high or 0.0
    found = f"{decay.metric} {decay.current.value:.4g} on {decay.labelled:,} labelled rows, "
    found += f"{decay.difference.value:+.4g} [{low:+.4g}, {high:+.4g}] against the holdout"
    return Check(name=METRIC, status=Status.FAILED if decay.decayed else Status.PASSED, message=found, where=case.where)


def _since(case: Case, decay: Decay) -> Iterator[Rule]:
    """A fall from one window to the next is told of, and decides nothing."""
    if decay.since is None:
        return
    bad = worse(decay.since, higher_is_better=decay.higher_is_better, margin=case.drift.labels.margin)
    low, high = decay.since.low or 0.0, decay.since.high or 0.0
    message = f"{decay.metric} {decay.since.value:+.4g} [{low:+.4g}, {high:+.4g}]"
    status = Status.FAILED if bad else Status.PASSED
    yield Check(name=SINCE, status=status, severity=Severity.WARN, message=message, where=case.where), ()


def _band(case: Case, checks: Sequence[Check]) -> int:
    """How bad it is: 1 from a limit on, 2 from twice that on and for rows that are wrong, 3 from four times on and
    for a metric that fell."""
    red = {check.name for check in checks if check.red}
    ratios = [
        item.value / item.threshold for item in case.predictions if item.drifted and item.value and item.threshold
    ]
    if DRIFT in red and case.drift.share:
        ratios.append(_share(case.columns) / case.drift.share)
    bands = [1 if ratio < 2 else 2 if ratio < 4 else 3 for ratio in ratios]
    bands += [1] if red else []
    bands += [2] if red.intersection(GUARDS) else []
    bands += [METRIC_BAND] if METRIC in red else []
    return max(bands, default=0)
