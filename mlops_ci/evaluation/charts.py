"""The charts a reviewer looks at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlops_ci.evaluation.class_charts import of_classes
from mlops_ci.evaluation.curves import calibration, differences, edges_of, histogram, thinned
from mlops_ci.evaluation.problem import Problem, Scores
from mlops_ci.records.evaluation import Chart, Curve


def draw(problem: Problem, candidate: Scores, champion: Scores | None) -> tuple[Chart, ...]:
    """ROC, precision–recall, calibration and score differences of a classification; residuals of a regression.

    Nothing of a classification where no model gives probabilities, or all rows are of one class.
    """
    models = [("candidate", candidate), *([("champion", champion)] if champion is not None else [])]
    if problem.task == "regression":
        return tuple(_regression(problem, models))
    usable = [(name, scores) for name, scores in models if scores.probability is not None]
    if not usable or np.all(problem.y == problem.y[0]):
        return ()
    return tuple(_binary(problem, usable) if problem.binary else of_classes(problem, usable))


def _binary(problem: Problem, models: list[tuple[str, Scores]]) -> Iterator[Chart]:
    counts = {name: _counts(problem, scores) for name, scores in models}
    positives = int(problem.truth.sum())
    negatives = problem.rows - positives
    yield Chart(
        kind="roc",
        title="ROC",
        x_label="false positive rate",
        y_label="true positive rate",
        curves=tuple(
            thinned(name, np.append(0, (ends - hits) / negatives), np.append(0, hits / positives))
            for name, (ends, hits) in counts.items()
        ),
        text="True positives against false positives at every threshold; further up and left is better.",
    )
    yield Chart(
        kind="pr",
        title="Precision and recall",
        x_label="recall",
        y_label="precision",
        curves=tuple(thinned(name, hits / positives, hits / ends) for name, (ends, hits) in counts.items()),
        text="Precision against recall at every threshold; further up is better.",
    )
    yield Chart(
        kind="calibration",
        title="Calibration",
        x_label="predicted probability",
        y_label="observed share",
        curves=tuple(_calibration(name, problem, scores) for name, scores in models),
        text="How often the event happens where a probability is predicted; on the diagonal is best.",
    )
    if len(models) == 2:
        ours, theirs = (scores.probability for _, scores in models)
        assert ours is not None
        assert theirs is not None
        yield differences("score-differences", "Score differences", "candidate − champion, probability", ours - theirs)


def _regression(problem: Problem, models: list[tuple[str, Scores]]) -> Iterator[Chart]:
    errors = {name: scores.prediction - problem.y for name, scores in models}
    edges = edges_of(np.concatenate(list(errors.values())))
    yield Chart(
        kind="residuals",
        title="Residuals",
        x_label="prediction − truth",
        y_label="share of rows",
        curves=tuple(histogram(name, values, edges) for name, values in errors.items()),
        text="How the errors are spread; narrower and closer to zero is better.",
    )
    if len(models) == 2:
        gains = np.abs(errors["champion"]) - np.abs(errors["candidate"])
        yield differences("score-differences", "Error differences", "champion's − candidate's absolute error", gains)


def _counts(problem: Problem, scores: Scores) -> tuple[Any, Any]:
    """(rows, positives) with at least each distinct score."""
    ranks = scores.ranks(problem)
    return ranks.ends, ranks.above


def _calibration(name: str, problem: Problem, scores: Scores) -> Curve:
    return calibration(name, scores.ranks(problem).order[::-1], scores.probability, problem.truth)
