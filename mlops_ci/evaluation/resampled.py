"""Intervals from replicates that were measured elsewhere, on the same resamples for both models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import ndtr, stdtrit

from mlops_ci.evaluation import few
from mlops_ci.evaluation.problem import Floats
from mlops_ci.evaluation.verdict import rows_needed, verdict
from mlops_ci.records.evaluation import Interval, MetricResult

LEAST = 100


def from_replicates(
    name: str,
    found: Mapping[str, Sequence[float | None]],
    *,
    higher_is_better: bool,
    confidence: float,
    margin: float,
    rows: int,
    units: float,
    alike: bool = False,
) -> MetricResult:
    """A metric of the user's own. `found` maps candidate and champion to [value, replicate, …], in the metric's units.

    Expanded percentile bootstrap (Efron & Tibshirani 1993, *An Introduction to the Bootstrap*, ch. 13; Hesterberg 2015,
    Am. Statist. 69:371, for the expansion); replicate i of both models is the same resample, so their difference is
    paired. `units` is how many independent rows or clusters were drawn from, `alike` whether both models say the same
    on every row. A difference that is zero on every resample is zero. With fewer than 100 usable replicates, fewer than
    ten units, or replicates that are all the same otherwise, there is no interval, and so no verdict.
    """
    own, others = found["candidate"], found.get("champion")
    candidate = _interval(own[0], _array(own[1:]), confidence, units)
    result = MetricResult(
        metric=name,
        higher_is_better=higher_is_better,
        candidate=candidate,
        confidence=confidence,
        method="percentile bootstrap",
        margin=margin,
    )
    if others is None or own[0] is None or others[0] is None:
        return result
    both = [(a, b) for a, b in zip(own[1:], others[1:], strict=True) if a is not None and b is not None]
    differences = np.array([a - b for a, b in both])
    result = replace(result, champion=_interval(others[0], _array(others[1:]), confidence, units))
    if alike or _never_differ(own[0] - others[0], differences, units):
        same = Interval(value=0.0, low=0.0, high=0.0)
        return replace(result, difference=same, p_value=1.0, verdict=verdict(0.0, 0.0, margin=margin))
    difference = _interval(own[0] - others[0], differences, confidence, units)
    return _compared(replace(result, difference=difference, reason=_reason(differences, units)), differences, rows)


def _never_differ(value: float, differences: Floats, units: float) -> bool:
    return value == 0 and not np.any(differences) and len(differences) >= LEAST and units >= few.LEAST


def _compared(result: MetricResult, differences: Floats, rows: int) -> MetricResult:
    difference = result.difference
    if difference is None or difference.low is None or difference.high is None or difference.value is None:
        return result
    turn = 1.0 if result.higher_is_better else -1.0
    low, high = sorted((turn * difference.low, turn * difference.high))
    share = min((differences <= 0).mean(), (differences >= 0).mean())
    return replace(
        result,
        p_value=float(min(1.0, 2 * max(share, 1 / (len(differences) + 1)))),
        verdict=verdict(low, high, margin=result.margin),
        rows_needed=rows_needed(
            turn * difference.value,
            float(differences.std(ddof=1)),
            rows,
            margin=result.margin,
            confidence=result.confidence,
        ),
    )


def _array(values: Sequence[float | None]) -> Floats:
    return np.array([value for value in values if value is not None], dtype=np.float64)


def _reason(replicates: Floats, units: float) -> str:
    """Why there is no interval, or ''."""
    if units < few.LEAST:
        return f"an interval needs {few.LEAST} independent rows or groups, and there are {units:.0f}"
    if len(replicates) < LEAST:
        return f"your function gave a finite number on {len(replicates)} resamples only, and {LEAST} are needed"
    if float(np.ptp(replicates)) <= few.FLAT * float(np.abs(replicates).max()):
        return "every resample gives the same, so nothing shows how certain it is"
    return ""


def _interval(value: float | None, replicates: Floats, confidence: float, units: float) -> Interval:
    if value is None or _reason(replicates, units):
        return Interval(value=value)
    reach = np.sqrt(units / (units - 1)) * stdtrit(units - 1, (1 + confidence) / 2)
    low, high = np.quantile(replicates, ndtr([-reach, reach]))
    return Interval(value=value, low=float(low), high=float(high))
