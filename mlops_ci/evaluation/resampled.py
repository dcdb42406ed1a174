"""Intervals from replicates that were measured elsewhere, on the same resamples for both models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

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
) -> MetricResult:
    """A metric of the user's own. `found` maps candidate and champion to [value, replicate, …].

    Percentile bootstrap (Efron & Tibshirani 1993, ch. 13); replicate i of both models is the same resample, so their
    difference is paired. With fewer than 100 usable replicates there is no interval, and so no verdict.
    """
    own, others = found["candidate"], found.get("champion")
    candidate = _interval(own[0], _array(own[1:]), confidence)
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
    difference = _interval(own[0] - others[0], differences, confidence)
    champion = _interval(others[0], _array(others[1:]), confidence)
    return _compared(result, champion, difference, differences, rows)


def _compared(
    result: MetricResult, champion: Interval, difference: Interval, differences: Floats, rows: int
) -> MetricResult:
    if difference.low is None or difference.high is None or difference.value is None:
        return replace(result, champion=champion, difference=difference)
    turn = 1.0 if result.higher_is_better else -1.0
    low, high = sorted((turn * difference.low, turn * difference.high))
    share = min((differences <= 0).mean(), (differences >= 0).mean())
    return replace(
        result,
        champion=champion,
        difference=difference,
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


def _interval(value: float | None, replicates: Floats, confidence: float) -> Interval:
    if value is None or len(replicates) < LEAST:
        return Interval(value=value)
    low, high = np.quantile(replicates, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value=value, low=float(low), high=float(high))
