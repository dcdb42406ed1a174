"""How one model stands at the end of a run; what was not judged is never taken for green."""

from __future__ import annotations

from enum import Enum

from mlops_ci.records.results import Status
from mlops_ci.records.reviewing import Conclusion
from mlops_ci.report.collect import ModelReport
from mlops_ci.report.headline import headline


class Standing(str, Enum):
    """`unjudged`: the run ended before there was a verdict, and nothing tells why."""

    PASSED = "passed"
    RED = "red"
    ERROR = "error"
    STALE = "stale"
    UNJUDGED = "not judged"
    SKIPPED = "skipped"


SIGNS = {
    Standing.PASSED: "✅",
    Standing.RED: "❌",
    Standing.ERROR: "💥",
    Standing.STALE: "⌛",
    Standing.UNJUDGED: "❔",
    Standing.SKIPPED: "⏭️",
}
CONCLUSIONS = {Standing.PASSED: Conclusion.SUCCESS, Standing.SKIPPED: Conclusion.NEUTRAL}  # all else: FAILURE
_RED = {Status.ERROR: Standing.ERROR, Status.STALE: Standing.STALE, Status.FAILED: Standing.RED}


def standing(model: ModelReport) -> Standing:
    """The worst of its stages; without a result of `evaluate` there is no verdict."""
    states = [result.status for result in model.results]
    for status, found in _RED.items():
        if status in states:
            return found
    evaluated = model.stage("evaluate")
    if evaluated is None:
        return Standing.UNJUDGED
    return Standing.SKIPPED if evaluated.status is Status.SKIPPED else Standing.PASSED


def word(model: ModelReport) -> str:
    """The verdict in one word: `BETTER`, `RED`, `NOT JUDGED`."""
    found = standing(model)
    details = model.evaluation if found is Standing.PASSED else None
    return (details.verdict.value if details is not None and details.verdict else found.value).upper()


def sentence(model: ModelReport) -> str:
    """The verdict in one sentence."""
    if standing(model) is not Standing.UNJUDGED:
        return headline(model.results)
    last = model.results[-1].stage if model.results else ""
    return f"NOT JUDGED: the run ended after {last}" if last else "NOT JUDGED: the run ended before its first stage did"


def conclusion(model: ModelReport) -> Conclusion:
    """How its check ends: only what was judged and is not red is a success."""
    return CONCLUSIONS.get(standing(model), Conclusion.FAILURE)
