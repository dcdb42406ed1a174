"""The curves of a problem with more than two classes: each class against the rest, and what was given to the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mlops_ci.evaluation.curves import POINTS, calibration, differences
from mlops_ci.evaluation.problem import Floats, Problem, Scores
from mlops_ci.evaluation.ranks import Ranks, rank
from mlops_ci.evaluation.side_by_side import side_by_side
from mlops_ci.records.evaluation import Chart, Curve

MOST_CLASSES = 20
GRID = np.linspace(0, 1, POINTS - 1)
Model = tuple[str, Scores]


def of_classes(problem: Problem, models: Sequence[Model]) -> Iterator[Chart]:
    """ROC and precision–recall as the mean over classes against the rest, calibration of the predicted class, and the
    difference of the probabilities that two models give to the true class.

    `models`: (name, scores with (n, k) probabilities); at least two classes must occur. The mean is taken at the same
    false positive rate, or recall (vertical averaging: Fawcett 2006, Pattern Recogn. Lett. 27:861), and so its area is
    about that of the macro average. Calibration of the predicted class: Guo et al. (2017), ICML.
    """
    codes = most_frequent(problem)
    ranked = {name: _ranked(problem, scores, codes) for name, scores in models}
    of = f"mean over {len(codes)} classes" + (
        f", the most frequent of {len(problem.classes)}" if len(codes) < len(problem.classes) else ""
    )
    yield Chart(
        kind="roc",
        title="ROC, each class against the rest",
        x_label="false positive rate",
        y_label="true positive rate",
        curves=tuple(_mean(name, ranks, _true_positives, first=0.0) for name, ranks in ranked.items()),
        text=f"True positives against false positives at every threshold, {of}; further up and left is better.",
    )
    yield Chart(
        kind="pr",
        title="Precision and recall, each class against the rest",
        x_label="recall",
        y_label="precision",
        curves=tuple(_mean(name, ranks, _precision) for name, ranks in ranked.items()),
        text=f"Precision against recall at every threshold, {of}; further up is better.",
    )
    yield Chart(
        kind="calibration",
        title="Calibration of the predicted class",
        x_label="probability of the predicted class",
        y_label="share of right rows",
        curves=tuple(_calibration(name, problem, scores) for name, scores in models),
        text="How often the predicted class is right where it is given a probability; on the diagonal is best.",
    )
    if len(models) == 2:
        ours, theirs = (given_to_truth(problem, scores) for _, scores in models)
        label = "candidate − champion, probability of the true class"
        yield differences("score-differences", "Score differences", label, ours - theirs)


def most_frequent(problem: Problem) -> list[int]:
    """The codes of the classes that occur beside others, the most frequent first; at most twenty."""
    counts = np.bincount(problem.y, minlength=len(problem.classes))
    order = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    return [int(code) for code in order if 0 < counts[code] < problem.rows]


def given_to_truth(problem: Problem, scores: Scores) -> Floats:
    """The probability (n,) that a model gives to each row's true class."""
    assert scores.probability is not None
    return np.asarray(scores.probability[np.arange(problem.rows), problem.y])


def _ranked(problem: Problem, scores: Scores, codes: Sequence[int]) -> list[Ranks]:
    probability = scores.probability
    assert probability is not None
    return side_by_side(lambda code: rank(problem.y == code, probability[:, code]), codes, rows=problem.rows)


def _true_positives(ranks: Ranks) -> Floats:
    """The true positive rate at each false positive rate of the grid."""
    negatives = ranks.rows - ranks.positives
    false = np.append(0, ranks.ends - ranks.above) / negatives
    return np.asarray(np.interp(GRID, false, np.append(0, ranks.above) / ranks.positives))


def _precision(ranks: Ranks) -> Floats:
    """The precision at the first threshold that reaches each recall of the grid."""
    reached = np.searchsorted(ranks.above / ranks.positives, GRID, side="left")
    return np.asarray((ranks.above / ranks.ends)[reached])


def _mean(name: str, ranked: Sequence[Ranks], read: Callable[[Ranks], Any], first: float | None = None) -> Curve:
    y = np.mean([read(ranks) for ranks in ranked], axis=0).tolist()
    start = [] if first is None else [first]
    return Curve(name=name, x=(*start, *GRID.tolist()), y=(*start, *y))


def _calibration(name: str, problem: Problem, scores: Scores) -> Curve:
    assert scores.probability is not None
    highest = scores.probability.max(axis=1)
    return calibration(name, np.argsort(highest), highest, scores.prediction == problem.y)
