"""The verdict on one model, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_ci.records.codec import decode
from mlops_ci.records.evaluation import EvaluationDetails, MetricResult
from mlops_ci.records.results import Check, StageResult, Status, Verdict
from mlops_ci.report.numbers import interval

ORDER = ("affected", "validate", "train", "evaluate", "register")


def headline(results: Sequence[StageResult]) -> str:
    """What a reviewer reads first; red states come before any good news."""
    latest = {result.stage: result for result in results}
    order = (*ORDER, *(stage for stage in latest if stage not in ORDER))
    for stage in order:
        result = latest.get(stage)
        if result is not None and result.status not in (Status.PASSED, Status.SKIPPED):
            return _stopped(result)
    if (evaluated := latest.get("evaluate")) is not None and evaluated.details:
        return judged(decode(EvaluationDetails, evaluated.details))
    last = next((latest[stage] for stage in reversed(order) if stage in latest), None)
    return "no result" if last is None else _ended(last)


def _ended(result: StageResult) -> str:
    """The last stage of a run in which nothing is red."""
    words = "skipped" if result.status is Status.SKIPPED else f"{result.stage} passed"
    return f"{words}: {result.reason}" if result.reason else words


def _stopped(result: StageResult) -> str:
    if result.status is Status.SKIPPED:
        return f"skipped: {result.reason}"
    if result.status is Status.FAILED:
        red = [check for check in result.checks if check.red]
        return f"RED at {result.stage}: {_first(red) or result.reason}" + (
            f" (and {len(red) - 1} more)" if red[1:] else ""
        )
    word = "STALE" if result.status is Status.STALE else "ERROR"
    return f"{word} in {result.stage}: {result.reason}"


def _first(red: Sequence[Check]) -> str:
    return f"{red[0].name}: {red[0].message or 'failed'}" if red else ""


def judged(details: EvaluationDetails) -> str:
    """`BETTER: roc_auc +0.0213 [+0.0150, +0.0270] against production v3 on 26,301 holdout rows`."""
    verdict = details.verdict.value.upper() if details.verdict else "NO VERDICT"
    leading = leading_metric(details)
    if leading is None:
        return f"{verdict}: {details.verdict_reason}"
    rows = f"on {details.rows:,} holdout rows"
    if details.verdict is Verdict.FIRST or leading.difference is None:
        return f"{verdict}: {leading.metric} {interval(leading.candidate)} {rows}"
    against = f"against version {details.champion_version}" if details.champion_version else "against the champion"
    return f"{verdict}: {leading.metric} {interval(leading.difference, signed=True)} {against} {rows}"


def leading_metric(details: EvaluationDetails) -> MetricResult | None:
    """The metric that decided: the first whose verdict is the overall one, else the first."""
    deciding = [item for item in details.metrics if item.verdict is not None and item.verdict == details.verdict]
    return next(iter(deciding or details.metrics), None)
