"""Values equal scikit-learn's; what has no value says so."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from mlops_ci.evaluation.metrics import METRICS, compute
from mlops_ci.evaluation.problem import Problem, Scores, Undefined
from tests.evaluation.conftest import Make


@pytest.mark.parametrize("ties", [False, True])
def test_binary_metrics_equal_scikit_learn(make: Make, ties: bool) -> None:
    problem, scores, _ = make(700, 3, ties=ties, share=0.3)
    y, p, label = problem.y, scores.probability, scores.prediction
    expected = {
        "roc_auc": reference.roc_auc_score(y, p),
        "average_precision": reference.average_precision_score(y, p),
        "log_loss": reference.log_loss(y, p),
        "brier": reference.brier_score_loss(y, p),
        "accuracy": reference.accuracy_score(y, label),
        "balanced_accuracy": reference.balanced_accuracy_score(y, label),
        "precision": reference.precision_score(y, label),
        "recall": reference.recall_score(y, label),
        "f1": reference.f1_score(y, label),
    }
    assert {name: compute(name, problem, scores)[0] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_multiclass_metrics_equal_scikit_learn() -> None:
    random = np.random.default_rng(5)
    raw = random.dirichlet([1.0, 1.0, 1.0, 1.0], 600)
    y = np.array([random.choice(4, p=row) for row in raw])
    problem = Problem(task="classification", y=y, classes=("a", "b", "c", "d"))
    probability = (raw + 0.3) / (raw + 0.3).sum(axis=1, keepdims=True)
    scores = Scores(prediction=probability.argmax(axis=1), probability=probability)
    expected = {
        "roc_auc": reference.roc_auc_score(y, probability, multi_class="ovr", average="macro"),
        "log_loss": reference.log_loss(y, probability),
        "accuracy": reference.accuracy_score(y, scores.prediction),
        "balanced_accuracy": reference.balanced_accuracy_score(y, scores.prediction),
        "precision": reference.precision_score(y, scores.prediction, average="macro"),
        "recall": reference.recall_score(y, scores.prediction, average="macro"),
        "f1": reference.f1_score(y, scores.prediction, average="macro"),
    }
    assert {name: compute(name, problem, scores)[0] for name in expected} == pytest.approx(expected, rel=1e-12)
    top2 = compute("top_k_accuracy", problem, scores, {"k": 2})[0]
    assert top2 == pytest.approx(reference.top_k_accuracy_score(y, probability, k=2))


def test_regression_metrics_equal_scikit_learn() -> None:
    random = np.random.default_rng(7)
    y = random.gamma(2.0, 3.0, 500) + 1
    scores = Scores(prediction=y + random.standard_t(3, 500))
    problem = Problem(task="regression", y=y)
    expected = {
        "rmse": reference.root_mean_squared_error(y, scores.prediction),
        "mae": reference.mean_absolute_error(y, scores.prediction),
        "medae": reference.median_absolute_error(y, scores.prediction),
        "r2": reference.r2_score(y, scores.prediction),
        "mape": reference.mean_absolute_percentage_error(y, scores.prediction),
        "pinball": reference.mean_pinball_loss(y, scores.prediction, alpha=0.5),
    }
    assert {name: compute(name, problem, scores)[0] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_calibration_error_by_hand() -> None:
    """Two bins of 15: predictions 0.05 and 0.95, a quarter and three quarters of which happen."""
    y = np.array([1, 0, 0, 0, 1, 1, 1, 0])
    probability = np.array([0.05] * 4 + [0.95] * 4)
    problem = Problem(task="classification", y=y, classes=("0", "1"))
    value, _ = compute("ece", problem, Scores(prediction=(probability > 0.5) * 1, probability=probability))
    assert value == pytest.approx((abs(0.05 - 0.25) + abs(0.95 - 0.75)) / 2)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "recall"])
def test_without_positives_there_is_no_value(name: str) -> None:
    problem = Problem(task="classification", y=np.zeros(50, dtype=int), classes=("0", "1"))
    scores = Scores(prediction=np.zeros(50, dtype=int), probability=np.linspace(0, 1, 50))
    with pytest.raises(Undefined):
        compute(name, problem, scores)


def test_labels_only_have_no_probability_metrics() -> None:
    problem = Problem(task="classification", y=np.array([0, 1, 1, 0]), classes=("0", "1"))
    with pytest.raises(Undefined, match="labels, no probabilities"):
        compute("log_loss", problem, Scores(prediction=np.array([0, 1, 0, 0])))


def test_no_rows_have_no_value() -> None:
    problem = Problem(task="regression", y=np.empty(0))
    with pytest.raises(Undefined, match="no rows"):
        compute("rmse", problem, Scores(prediction=np.empty(0)))


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.task == "classification"])
def test_influence_values_sum_to_zero(make: Make, name: str) -> None:
    if name == "top_k_accuracy":
        pytest.skip("needs more than two classes")
    problem, scores, _ = make(900, 11, share=0.3)
    _, values = compute(name, problem, scores)
    assert abs(values.mean()) < 0.02 * values.std() + 1e-12
