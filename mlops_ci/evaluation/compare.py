"""One metric, one or two models: value, interval, paired difference, p-value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from mlops_ci.evaluation.bootstrap import SMALL, bca
from mlops_ci.evaluation.metrics import METRICS, compute
from mlops_ci.evaluation.problem import Floats, Problem, Scores
from mlops_ci.evaluation.side_by_side import side_by_side
from mlops_ci.evaluation.verdict import rows_needed, verdict
from mlops_ci.records.evaluation import Interval, MetricResult


@dataclass(frozen=True, kw_only=True)
class Error:
    """A standard error and its degrees of freedom."""

    error: float
    freedom: float


def standard_error(values: Floats, groups: Any = None) -> Error:
    """From influence values: √(Σφ²)/n; with clusters their sums take the rows' place, scaled by G/(G−1).

    Liang & Zeger (1986), Biometrika 73:13, for the cluster-robust form; Student's t with units − 1 degrees.
    """
    rows = len(values)
    if groups is None:
        return Error(error=float(np.sqrt(np.dot(values, values))) / rows, freedom=max(rows - 1, 1))
    sums = np.bincount(groups, weights=values)
    count = len(sums)
    scale = count / (count - 1) if count > 1 else 1.0
    return Error(error=float(np.sqrt(np.dot(sums, sums) * scale)) / rows, freedom=max(count - 1, 1))


def interval(value: float, found: Error, confidence: float, *, bounded: bool = False) -> Interval:
    """value ± t·se; for a share on the logit scale, so that it stays inside (0, 1)."""
    reach = float(stdtrit(found.freedom, (1 + confidence) / 2)) * found.error
    if bounded and 0 < value < 1 and reach > 0:
        centre, reach = np.log(value / (1 - value)), reach / (value * (1 - value))
        low, high = (1 / (1 + np.exp(-(centre + side * reach))) for side in (-1, 1))
        return Interval(value=value, low=float(low), high=float(high))
    return Interval(value=value, low=value - reach, high=value + reach)


def share_interval(value: float, rows: int, confidence: float) -> Interval:
    """Wilson's score interval for a share of independent rows (Wilson 1927, JASA 22:209)."""
    z = float(ndtri((1 + confidence) / 2))
    centre = (value + z * z / (2 * rows)) / (1 + z * z / rows)
    reach = z * np.sqrt(value * (1 - value) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return Interval(value=value, low=float(max(0.0, centre - reach)), high=float(min(1.0, centre + reach)))


def paired_shares(wins: float, losses: float, rows: int, confidence: float) -> tuple[float, float, float]:
    """(low, high, se) of the difference of two paired shares, from the rows only one of them gets right.

    Bonett & Price (2012), J. Educ. Behav. Statist. 37:479: one row is added to each discordant cell.
    """
    up, down = (wins + 1) / (rows + 2), (losses + 1) / (rows + 2)
    error = float(np.sqrt((up + down - (up - down) ** 2) / (rows + 2)))
    reach = float(ndtri((1 + confidence) / 2)) * error
    return up - down - reach, up - down + reach, error


def assess(
    name: str,
    problem: Problem,
    candidate: Scores,
    champion: Scores | None = None,
    *,
    confidence: float = 0.95,
    margin: float = 0.0,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> MetricResult:
    """A metric of the candidate, and its paired difference from the champion on the same rows.

    Raises Undefined where the metric has no value. Deterministic: `seed` drives the bootstrap on small data.
    """
    metric = METRICS[name]
    models = [candidate] if champion is None else [candidate, champion]
    (value, values), *rest = side_by_side(lambda m: compute(name, problem, m, options), models, rows=problem.rows)
    own = _own_interval(metric.kind, metric.bounded, value, values, problem, confidence)
    if champion is None:
        return MetricResult(
            metric=name,
            higher_is_better=metric.higher_is_better,
            candidate=own,
            confidence=confidence,
            method=_method(name, problem, small=False),
        )
    other, others = rest[0]
    small = metric.kind == "smooth" and name != "roc_auc" and problem.groups is None and problem.rows < SMALL
    difference, error, p_value = _difference(metric.kind, value - other, values - others, problem, confidence)
    if small:
        difference = bca(name, problem, candidate, champion, difference, confidence, options or {}, seed)
    return _compared(
        name,
        own=own,
        other=_own_interval(metric.kind, metric.bounded, other, others, problem, confidence),
        difference=difference,
        error=error,
        p_value=p_value,
        margin=margin,
        confidence=confidence,
        rows=problem.rows,
        method=_method(name, problem, small=small),
    )


def _own_interval(
    kind: str, bounded: bool, value: float, values: Floats, problem: Problem, confidence: float
) -> Interval:
    if kind == "hits" and problem.groups is None:
        return share_interval(value, problem.rows, confidence)
    return interval(value, standard_error(values, problem.groups), confidence, bounded=bounded)


def _difference(
    kind: str, difference: float, values: Floats, problem: Problem, confidence: float
) -> tuple[Interval, float, float]:
    """(interval, standard error, two-sided p-value for no difference)."""
    if kind == "hits" and problem.groups is None:
        ahead, behind = discordant(difference, values)
        low, high, error = paired_shares(ahead, behind, problem.rows, confidence)
        p_value = min(1.0, 2 * float(ndtr(-abs(ahead - behind) / np.sqrt(ahead + behind + 2))))
        return Interval(value=difference, low=min(low, difference), high=max(high, difference)), error, p_value
    found = standard_error(values, problem.groups)
    p_value = 1.0 if found.error == 0 else 2 * float(stdtr(found.freedom, -abs(difference) / found.error))
    return interval(difference, found, confidence), found.error, p_value


def discordant(difference: float, values: Floats) -> tuple[int, int]:
    """How many rows only the candidate gets right, and only the champion.

    The influence values of a difference of two shares are (hit − hit') − difference, up to a factor near one.
    """
    levels = np.rint(values + difference)
    return int((levels > 0).sum()), int((levels < 0).sum())


def _compared(
    name: str,
    *,
    own: Interval,
    other: Interval,
    difference: Interval,
    error: float,
    p_value: float,
    margin: float,
    confidence: float,
    rows: int,
    method: str,
) -> MetricResult:
    higher = METRICS[name].higher_is_better
    assert difference.low is not None
    assert difference.high is not None
    assert difference.value is not None
    low, high = (difference.low, difference.high) if higher else (-difference.high, -difference.low)
    gain = difference.value if higher else -difference.value
    return MetricResult(
        metric=name,
        higher_is_better=higher,
        candidate=own,
        champion=other,
        difference=difference,
        p_value=p_value,
        confidence=confidence,
        method=method,
        margin=margin,
        verdict=verdict(low, high, margin=margin),
        rows_needed=rows_needed(gain, error, rows, margin=margin, confidence=confidence),
    )


def _method(name: str, problem: Problem, *, small: bool) -> str:
    """What the report calls the method."""
    if small:
        return "BCa bootstrap"
    clustered = "" if problem.groups is None else ", cluster-robust"
    if name == "roc_auc":
        return f"DeLong{clustered}"
    if METRICS[name].kind == "hits" and problem.groups is None:
        return "Bonett–Price"
    return ("paired t" if METRICS[name].kind == "mean" else "influence function") + clustered
