"""The curves a reviewer looks at, as at most 200 points each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlops_ci.evaluation.problem import Floats, Problem, Scores
from mlops_ci.records.evaluation import Chart, Curve

POINTS = 200
BINS = 40


def draw(problem: Problem, candidate: Scores, champion: Scores | None) -> tuple[Chart, ...]:
    """ROC, precision–recall, calibration and score differences of a binary problem; residuals of a regression."""
    models = [("candidate", candidate), *([("champion", champion)] if champion is not None else [])]
    if problem.task == "regression":
        return tuple(_regression(problem, models))
    if problem.binary and problem.truth.any() and not problem.truth.all():
        usable = [(name, scores) for name, scores in models if scores.probability is not None]
        return tuple(_binary(problem, usable)) if usable else ()
    return ()


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
            _curve(name, np.append(0, (ends - hits) / negatives), np.append(0, hits / positives))
            for name, (ends, hits) in counts.items()
        ),
        text="True positives against false positives at every threshold; further up and left is better.",
    )
    yield Chart(
        kind="pr",
        title="Precision and recall",
        x_label="recall",
        y_label="precision",
        curves=tuple(_curve(name, hits / positives, hits / ends) for name, (ends, hits) in counts.items()),
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
        yield _differences("score-differences", "Score differences", "candidate − champion, probability", ours - theirs)


def _regression(problem: Problem, models: list[tuple[str, Scores]]) -> Iterator[Chart]:
    errors = {name: scores.prediction - problem.y for name, scores in models}
    low, high = np.quantile(np.concatenate(list(errors.values())), [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    yield Chart(
        kind="residuals",
        title="Residuals",
        x_label="prediction − truth",
        y_label="share of rows",
        curves=tuple(_histogram(name, values, edges) for name, values in errors.items()),
        text="How the errors are spread; narrower and closer to zero is better.",
    )
    if len(models) == 2:
        gains = np.abs(errors["champion"]) - np.abs(errors["candidate"])
        yield _differences("score-differences", "Error differences", "champion's − candidate's absolute error", gains)


def _counts(problem: Problem, scores: Scores) -> tuple[Any, Any]:
    """(rows, positives) with at least each distinct score."""
    ranks = scores.ranks(problem)
    return ranks.ends, ranks.above


def _calibration(name: str, problem: Problem, scores: Scores) -> Curve:
    """Ten bins of equally many rows."""
    assert scores.probability is not None
    order = scores.ranks(problem).order[::-1]
    parts = [part for part in np.array_split(order, 10) if len(part)]
    x = [float(scores.probability[part].mean()) for part in parts]
    y = [float(problem.truth[part].mean()) for part in parts]
    return Curve(name=name, x=tuple(x), y=tuple(y))


def _differences(kind: str, title: str, label: str, values: Floats) -> Chart:
    low, high = np.quantile(values, [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    changed = float((values != 0).mean())
    return Chart(
        kind=kind,
        title=title,
        x_label=label,
        y_label="share of rows",
        curves=(_histogram("difference", values, edges),),
        text=f"How far the two models' answers lie apart; {100 * changed:.1f} % of the rows differ at all.",
    )


def _histogram(name: str, values: Floats, edges: Floats) -> Curve:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    middles = (edges[1:] + edges[:-1]) / 2
    return Curve(name=name, x=tuple(middles.tolist()), y=tuple((counts / len(values)).tolist()))


def _curve(name: str, x: Any, y: Any) -> Curve:
    keep = np.unique(np.linspace(0, len(x) - 1, POINTS).astype(int))
    return Curve(name=name, x=tuple(map(float, x[keep])), y=tuple(map(float, y[keep])))
