"""Charts: what each kind of problem is drawn as, and that the curves are what they say."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import numpy as np
import pytest
from sklearn import metrics as reference

from mlops_ci.evaluation.charts import draw
from mlops_ci.evaluation.class_charts import MOST_CLASSES, most_frequent
from mlops_ci.evaluation.curves import POINTS
from mlops_ci.evaluation.problem import Problem, Scores
from mlops_ci.records.evaluation import Chart
from mlops_ci.report.charts import svg
from tests.evaluation.conftest import Make, Pair

KINDS = ["roc", "pr", "calibration", "score-differences"]


def classes(rows: int, count: int, seed: int) -> Pair:
    """Calibrated probabilities of `count` classes, and a champion that is too sure of itself."""
    random = np.random.default_rng(seed)
    probability = random.dirichlet(np.ones(count), rows)
    y = (random.random((rows, 1)) > probability.cumsum(axis=1)).sum(axis=1).clip(0, count - 1)
    sure = probability**2 / np.square(probability).sum(axis=1, keepdims=True)
    answers = [Scores(prediction=p.argmax(axis=1), probability=p) for p in (probability, sure)]
    names = tuple(f"class {code}" for code in range(count))
    return Problem(task="classification", y=y, classes=names), answers[0], answers[1]


def by_kind(charts: tuple[Chart, ...]) -> dict[str, Chart]:
    return {chart.kind: chart for chart in charts}


def test_two_classes_and_five_have_the_same_charts(make: Make) -> None:
    for pair in (make(500, 1, gain=0.3), classes(500, 5, 1)):
        charts = draw(*pair)
        assert [chart.kind for chart in charts] == KINDS
        for chart in charts:
            assert chart.text.endswith((".", "is better.", "is best.", "at all."))
            assert all(len(curve.x) == len(curve.y) <= POINTS for curve in chart.curves)
            assert [curve.name for curve in chart.curves] in (["candidate", "champion"], ["difference"])
        assert [chart.kind for chart in draw(pair[0], pair[1], None)] == KINDS[:3]


def test_the_areas_under_the_mean_curves_are_the_macro_metrics() -> None:
    problem, ours, theirs = classes(4000, 5, 2)
    charts = by_kind(draw(problem, ours, theirs))
    truth = np.eye(5)[problem.y]
    for name, area in (("roc", reference.roc_auc_score), ("pr", reference.average_precision_score)):
        curve = charts[name].curves[0]
        drawn = float(np.sum(np.diff(curve.x) * (np.array(curve.y[1:]) + np.array(curve.y[:-1])) / 2))
        assert drawn == pytest.approx(area(truth, ours.probability, average="macro"), abs=0.005)
    assert (charts["roc"].curves[0].x[0], charts["roc"].curves[0].y[0]) == (0, 0)
    assert (charts["roc"].curves[0].x[-1], charts["roc"].curves[0].y[-1]) == (1, 1)


def test_the_predicted_class_is_as_often_right_as_said_by_a_calibrated_model() -> None:
    problem, ours, theirs = classes(20_000, 5, 3)
    calibrated, sure = by_kind(draw(problem, ours, theirs))["calibration"].curves
    assert np.abs(np.subtract(calibrated.x, calibrated.y)).max() < 0.04
    assert np.mean(np.subtract(sure.x, sure.y)) > 0.1


def test_differences_are_those_of_the_probability_of_the_true_class() -> None:
    problem, ours, _ = classes(300, 4, 4)
    assert ours.probability is not None
    moved = ours.probability.copy()
    rows = np.arange(300)
    moved[rows[:75], problem.y[:75]] += 0.25
    chart = by_kind(draw(problem, replace(ours, probability=moved), ours))["score-differences"]
    assert "25.0 % of the rows differ" in chart.text
    assert "true class" in chart.x_label
    assert chart.curves[0].y[-1] == pytest.approx(0.25)
    assert sum(chart.curves[0].y) == pytest.approx(1)


def test_the_mean_is_over_the_most_frequent_classes_and_says_so() -> None:
    problem, ours, _ = classes(3000, 30, 5)
    chart = draw(problem, ours, None)[0]
    assert f"mean over {MOST_CLASSES} classes, the most frequent of 30" in chart.text
    counts = np.bincount(problem.y, minlength=30)
    assert min(counts[most_frequent(problem)]) >= np.sort(counts)[-MOST_CLASSES]


def test_a_class_that_does_not_occur_is_left_out() -> None:
    problem, ours, theirs = classes(600, 4, 6)
    part = np.flatnonzero(problem.y != 2)
    charts = draw(problem.part(part), ours.part(part), theirs.part(part))
    assert "mean over 3 classes, the most frequent of 4" in charts[0].text


def test_labels_alone_and_one_class_alone_have_no_charts() -> None:
    problem, ours, _ = classes(100, 3, 7)
    assert draw(problem, replace(ours, probability=None), None) == ()
    assert draw(replace(problem, y=np.zeros(100, dtype=int)), ours, None) == ()


def test_every_chart_can_be_drawn_and_is_described() -> None:
    for chart in draw(*classes(400, 5, 8)):
        picture = svg(chart, identifier=f"x-{chart.kind}")
        assert picture.startswith("<svg")
        assert f'<title id="x-{chart.kind}-title">{chart.title}</title>' in picture
        assert escape(chart.text) in picture


def test_a_regression_has_residuals_and_error_differences() -> None:
    random = np.random.default_rng(9)
    y = random.normal(size=300)
    ours, theirs = (Scores(prediction=y + scale * random.normal(size=300)) for scale in (0.5, 1.0))
    charts = draw(Problem(task="regression", y=y), ours, theirs)
    assert [chart.kind for chart in charts] == ["residuals", "score-differences"]
    assert all(sum(curve.y) == pytest.approx(1) for chart in charts for curve in chart.curves)
