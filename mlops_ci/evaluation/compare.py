"""One metric, one or two models: value, interval, paired difference, p-value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlops_ci.evaluation.few import FLAT, shortage
from mlops_ci.evaluation.influence import Influence
from mlops_ci.evaluation.intervals import interval, share_interval, standard_error
from mlops_ci.evaluation.metrics import METRICS, compute
from mlops_ci.evaluation.paired import Paired, difference
from mlops_ci.evaluation.problem import Problem, Scores
from mlops_ci.evaluation.side_by_side import side_by_side
from mlops_ci.evaluation.verdict import rows_needed, verdict
from mlops_ci.records.evaluation import Interval, MetricResult


def assess(
    name: str,
    problem: Problem,
    candidate: Scores,
    champion: Scores | None = None,
    *,
    confidence: float = 0.95,
    margin: float = 0.0,
    options: Mapping[str, Any] | None = None,
) -> MetricResult:
    """A metric of the candidate, and its paired difference from the champion on the same rows.

    The difference is in the metric's own units; its interval is two-sided at `confidence`. Where these rows can't say
    how certain it is, it has no interval and no verdict, and `reason` says why. Raises Undefined where the metric has
    no value. Influence functions: Hampel (1974), JASA 69:383; van der Vaart (1998), *Asymptotic Statistics*, ch. 20.
    """
    metric = METRICS[name]
    models = [candidate] if champion is None else [candidate, champion]
    influences = side_by_side(lambda m: compute(name, problem, m, options), models, rows=problem.rows)
    own = side_by_side(
        lambda pair: _own_interval(name, problem, *pair, confidence),
        list(zip(models, influences, strict=True)),
        rows=problem.rows,
    )
    result = MetricResult(
        metric=name,
        higher_is_better=metric.higher_is_better,
        candidate=own[0],
        confidence=confidence,
        method=_method(name, problem),
        margin=margin if champion is not None else 0.0,
    )
    if champion is None:
        return result
    paired = difference(name, problem, (candidate, champion), (influences[0], influences[1]), confidence)
    return _compared(result, own[1], paired, problem.rows)


def _own_interval(name: str, problem: Problem, scores: Scores, found: Influence, confidence: float) -> Interval:
    """Of one model's value; without ends where too few rows, or rows without variation, can't tell."""
    value, values = found
    if shortage(name, problem, [scores]):
        return Interval(value=value)
    if METRICS[name].kind == "hits" and problem.groups is None:
        return share_interval(value, problem.rows, confidence)
    error = standard_error(values, problem)
    if error.error <= FLAT * abs(value):
        return Interval(value=value)
    return interval(value, error, confidence, highest=METRICS[name].highest(problem))


def _compared(result: MetricResult, other: Interval, paired: Paired, rows: int) -> MetricResult:
    """With the verdict; rows_needed is None by itself where there is no error to clear."""
    turned = paired if result.higher_is_better else paired.turned()
    low, high = turned.around.low, turned.around.high
    found = replace(result, champion=other, difference=paired.around, p_value=paired.p_value, reason=paired.reason)
    if low is None or high is None or paired.error is None:
        return found
    return replace(
        found,
        verdict=verdict(low, high, margin=result.margin),
        rows_needed=rows_needed(turned.value, paired.error, rows, margin=result.margin, confidence=result.confidence),
    )


def _method(name: str, problem: Problem) -> str:
    """What the report calls the method."""
    clustered = "" if problem.groups is None else ", cluster-robust"
    if name == "roc_auc":
        return f"DeLong{clustered}"
    if METRICS[name].kind == "hits" and problem.groups is None:
        return "Bonett–Price"
    return ("paired t" if METRICS[name].kind == "mean" else "influence function") + clustered
