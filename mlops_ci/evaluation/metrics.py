"""Every metric there is: its task, its direction, and how it is computed with influence values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_ci.evaluation import influence
from mlops_ci.evaluation.influence import Influence
from mlops_ci.evaluation.problem import Problem, Scores, Undefined
from mlops_ci.evaluation.ranks import Ranks, rank

RANKED = ("roc_auc", "average_precision")
Compute = Callable[[Problem, Scores, Mapping[str, Any]], Influence]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """`kind`: `mean` for a mean of per-row values, `hits` for a share of right rows, `smooth` for all others.
    `part`: what the metric is a share of, where not of all rows: the rows of a `class`, or the `calls` for one.
    `bounded`: whether its values lie between 0 and a highest one."""

    name: str
    task: str
    higher_is_better: bool
    compute: Compute
    kind: str = "smooth"
    part: str = ""
    bounded: bool = False

    def highest(self, problem: Problem) -> float | None:
        """The metric's upper bound, if it has one: 1, but 2 for a Brier score summed over more than two classes."""
        if not self.bounded:
            return None
        return 2.0 if self.name == "brier" and not problem.binary else 1.0

    def ranks(self, problem: Problem, scores: Scores) -> bool:
        """Whether the metric asks for the rows' ranking by one probability."""
        return self.name in RANKED and scores.probability is not None and scores.probability.ndim == 1


def _ranked(function: Callable[[Ranks], Influence]) -> Compute:
    """A ranking metric; with more than two classes the mean of one class against the rest (macro, OvR)."""

    def compute(problem: Problem, scores: Scores, options: Mapping[str, Any]) -> Influence:
        probability = influence.probability_of(scores)
        if probability.ndim == 1:
            return function(scores.ranks(problem))
        found = []
        for code in range(len(problem.classes)):
            found.append(function(rank(problem.y == code, probability[:, code])))
        return float(np.mean([value for value, _ in found])), np.mean([values for _, values in found], axis=0)

    return compute


def _log_loss(problem: Problem, scores: Scores, options: Mapping[str, Any]) -> Influence:
    return influence.of_mean(influence.log_losses(problem, scores))


def _brier(problem: Problem, scores: Scores, options: Mapping[str, Any]) -> Influence:
    return influence.of_mean(influence.brier_losses(problem, scores))


def _top_k(problem: Problem, scores: Scores, options: Mapping[str, Any]) -> Influence:
    return influence.of_mean(influence.top_k_hits(problem, scores, int(options.get("k", 5))))


def _errors(scores: Scores, problem: Problem) -> Any:
    return scores.prediction - problem.y


def _mape(problem: Problem, scores: Scores, options: Mapping[str, Any]) -> Influence:
    return influence.of_mean(np.abs(_errors(scores, problem)) / np.maximum(np.abs(problem.y), influence.TINY))


def _pinball(problem: Problem, scores: Scores, options: Mapping[str, Any]) -> Influence:
    return influence.of_mean(influence.pinball_losses(problem.y, scores.prediction, float(options.get("alpha", 0.5))))


def _classified(
    name: str, compute: Compute, *, higher: bool = True, kind: str = "smooth", part: str = "", bounded: bool = True
) -> Metric:
    return Metric(
        name=name,
        task="classification",
        higher_is_better=higher,
        compute=compute,
        kind=kind,
        part=part,
        bounded=bounded,
    )


def _regressed(name: str, compute: Compute, *, higher: bool = False, kind: str = "smooth") -> Metric:
    return Metric(name=name, task="regression", higher_is_better=higher, compute=compute, kind=kind)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _classified("roc_auc", _ranked(influence.roc_auc), part="class"),
        _classified("average_precision", _ranked(influence.average_precision), part="class"),
        _classified("log_loss", _log_loss, higher=False, kind="mean", bounded=False),
        _classified("brier", _brier, higher=False, kind="mean"),
        _classified("accuracy", lambda p, s, o: influence.of_mean(influence.hits(p, s)), kind="hits"),
        _classified("balanced_accuracy", lambda p, s, o: influence.recall(p, s, macro=True), part="class"),
        _classified("precision", lambda p, s, o: influence.precision(p, s, macro=not p.binary), part="calls"),
        _classified("recall", lambda p, s, o: influence.recall(p, s, macro=not p.binary), part="class"),
        _classified("f1", lambda p, s, o: influence.f1(p, s, macro=not p.binary), part="class"),
        _classified("ece", lambda p, s, o: influence.calibration_error(p, s, int(o.get("bins", 15))), higher=False),
        _classified("top_k_accuracy", _top_k, kind="hits"),
        _regressed("rmse", lambda p, s, o: influence.root_mean_square(_errors(s, p))),
        _regressed("mae", lambda p, s, o: influence.of_mean(np.abs(_errors(s, p))), kind="mean"),
        _regressed("medae", lambda p, s, o: influence.median_absolute(_errors(s, p))),
        _regressed("r2", lambda p, s, o: influence.r2(p.y, _errors(s, p)), higher=True),
        _regressed("mape", _mape, kind="mean"),
        _regressed("pinball", _pinball, kind="mean"),
    )
}


def compute(name: str, problem: Problem, scores: Scores, options: Mapping[str, Any] | None = None) -> Influence:
    """A metric's value and influence values. Raises Undefined where it has no finite value on these rows."""
    if problem.rows == 0:
        raise Undefined("there are no rows")
    value, values = METRICS[name].compute(problem, scores, options or {})
    if not np.isfinite(value):
        raise Undefined(f"its value is {value}")
    return value, values
