"""The difference of two models on the same rows, with its interval, or why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, stdtr

from mlops_ci.evaluation.few import FLAT, alike, shortage, unmoved_error
from mlops_ci.evaluation.influence import Influence
from mlops_ci.evaluation.intervals import Error, discordant, interval, paired_shares, standard_error
from mlops_ci.evaluation.metrics import METRICS
from mlops_ci.evaluation.problem import Floats, Problem, Scores
from mlops_ci.records.evaluation import Interval

SILENT = "the two models answer differently, but these rows show no variation of the difference to judge it by"
UNMOVED_FREEDOM = 4.0


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Candidate − champion in the metric's own units. `centre` is where the interval's middle is, `freedom` may be
    infinite (normal). `error` is None where there is no interval, and `reason` says why."""

    value: float
    around: Interval
    centre: float = 0.0
    error: float | None = None
    freedom: float = math.inf
    p_value: float | None = None
    reason: str = ""

    def chance_beyond(self, bound: float) -> float:
        """One-sided p-value for the hypothesis *the difference is at most `bound`*."""
        assert self.error is not None
        if self.error == 0:
            return 0.0 if self.value > bound else 1.0
        return float(stdtr(self.freedom, (bound - self.centre) / self.error))

    def turned(self) -> Paired:
        """Champion − candidate."""
        low, high = self.around.low, self.around.high
        turned = Interval(value=-self.value, low=None if high is None else -high, high=None if low is None else -low)
        return replace(self, value=-self.value, around=turned, centre=-self.centre)


def difference(
    name: str,
    problem: Problem,
    models: tuple[Scores, Scores],
    found: tuple[Influence, Influence],
    confidence: float,
) -> Paired:
    """The paired difference of two models, from the value and influence values (n,) of each.

    Certain, a zero without width, only where both say the same on every row. Without enough independent units, or
    where nothing varies, there is no interval.
    """
    (ours, own), (theirs, others) = found
    value, values = ours - theirs, own - others
    short = shortage(name, problem, models)
    error = standard_error(values, problem)
    flat = error.error <= FLAT * max(abs(ours), abs(theirs))
    if (flat or short) and alike(*models):
        return Paired(value=0.0, around=Interval(value=0.0, low=0.0, high=0.0), error=0.0, p_value=1.0)
    if short:
        return Paired(value=value, around=Interval(value=value), reason=short)
    if METRICS[name].kind == "hits" and problem.groups is None:
        return _of_shares(value, values, problem.rows, confidence)
    if flat:
        return _unmoved(name, problem, models[0], ours, value, confidence)
    p_value = 2 * float(stdtr(error.freedom, -abs(value) / error.error))
    return Paired(
        value=value,
        around=interval(value, error, confidence),
        centre=value,
        error=error.error,
        freedom=error.freedom,
        p_value=p_value,
    )


def _of_shares(value: float, values: Floats, rows: int, confidence: float) -> Paired:
    """Bonett & Price's interval; the p-value is McNemar's (1947, Psychometrika 12:153) with the same two rows added."""
    ahead, behind = discordant(value, values)
    low, high, error = paired_shares(ahead, behind, rows, confidence)
    return Paired(
        value=value,
        around=Interval(value=value, low=min(low, value), high=max(high, value)),
        centre=(ahead - behind) / (rows + 2),
        error=error,
        p_value=min(1.0, 2 * float(ndtr(-abs(ahead - behind) / np.sqrt(ahead + behind + 2)))),
    )


def _unmoved(name: str, problem: Problem, scores: Scores, ours: float, value: float, confidence: float) -> Paired:
    """No row makes a difference to this metric, but the models are not the same."""
    error = unmoved_error(name, problem, scores, ours) if abs(value) <= FLAT else None
    if error is None:
        return Paired(value=value, around=Interval(value=value), reason=SILENT)
    around = interval(0.0, Error(error=error, freedom=UNMOVED_FREEDOM), confidence)
    return Paired(value=0.0, around=around, error=error, freedom=UNMOVED_FREEDOM, p_value=1.0)
