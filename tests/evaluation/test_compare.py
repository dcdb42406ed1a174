"""Differences against closed forms, published figures, and the properties a comparison must have."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from mlops_ci.evaluation.compare import assess
from mlops_ci.evaluation.intervals import paired_shares, share_interval
from mlops_ci.evaluation.problem import Problem, Scores
from mlops_ci.evaluation.verdict import overall, rows_needed, satisfies, verdict
from mlops_ci.records.results import Verdict
from tests.evaluation.conftest import Make


def test_mean_losses_are_a_paired_t_test(make: Make) -> None:
    problem, ours, theirs = make(400, 1, gain=0.3)
    found = assess("brier", problem, ours, theirs)
    losses = [np.square(np.asarray(scores.probability) - problem.truth) for scores in (ours, theirs)]
    reference = stats.ttest_rel(*losses)
    low, high = reference.confidence_interval(0.95)
    assert found.difference is not None
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))
    assert found.p_value == pytest.approx(reference.pvalue)


def test_delong_equals_its_definition(make: Make) -> None:
    """Placement values computed pair by pair, as in DeLong et al. 1988, equations 3 to 6."""
    problem, ours, theirs = make(120, 2, gain=0.4, ties=True)
    parts = []
    for scores in (ours, theirs):
        assert scores.probability is not None
        positive, negative = scores.probability[problem.truth], scores.probability[~problem.truth]
        wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
        parts.append((wins.mean(axis=1), wins.mean(axis=0), wins.mean()))
    over_positive = np.cov(parts[0][0], parts[1][0])
    over_negative = np.cov(parts[0][1], parts[1][1])
    covariance = over_positive / len(parts[0][0]) + over_negative / len(parts[0][1])
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    found = assess("roc_auc", problem, ours, theirs)
    assert found.difference is not None
    assert found.difference.high is not None
    assert found.difference.value == pytest.approx(parts[0][2] - parts[1][2])
    reach = stats.t.ppf(0.975, problem.rows - 1) * error
    assert found.difference.high - parts[0][2] + parts[1][2] == pytest.approx(reach, rel=1e-9)


def test_wilson_interval_as_published() -> None:
    """Newcombe (1998), Statist. Med. 17:857, table I: 81 of 263 gives 0.2553 to 0.3662."""
    found = share_interval(81 / 263, 263, 0.95)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_bonett_price_by_hand() -> None:
    low, high, _ = paired_shares(9, 2, 50, 0.95)
    up, down = 10 / 52, 3 / 52
    reach = 1.959964 * np.sqrt((up + down - (up - down) ** 2) / 52)
    assert (low, high) == pytest.approx((up - down - reach, up - down + reach), rel=1e-6)


def test_swapping_the_models_turns_the_difference(make: Make) -> None:
    problem, ours, theirs = make(500, 4, gain=0.3)
    for name in ("roc_auc", "average_precision", "log_loss", "accuracy", "f1"):
        there, back = assess(name, problem, ours, theirs), assess(name, problem, theirs, ours)
        assert there.difference is not None
        assert back.difference is not None
        assert there.difference.value == pytest.approx(-(back.difference.value or 0))
        assert there.difference.low == pytest.approx(-(back.difference.high or 0))


def test_the_same_model_twice_differs_by_nothing(make: Make) -> None:
    problem, ours, _ = make(500, 5)
    for name in ("roc_auc", "log_loss", "f1"):
        found = assess(name, problem, ours, ours)
        assert found.difference is not None
        assert (found.difference.value, found.difference.low, found.difference.high) == (0, 0, 0)
        assert found.verdict is Verdict.NON_INFERIOR


def test_clusters_widen_the_interval_where_rows_move_together(make: Make) -> None:
    problem, ours, theirs = make(2000, 6, gain=0.3, clusters=20)
    alone = dataclasses.replace(problem, groups=None)
    wide, narrow = (assess("roc_auc", p, ours) for p in (problem, alone))
    assert (wide.candidate.high or 0) - (wide.candidate.low or 0) > 1.5 * (
        (narrow.candidate.high or 0) - (narrow.candidate.low or 0)
    )
    assert "cluster-robust" in assess("roc_auc", problem, ours, theirs).method


def test_a_brier_score_of_many_classes_goes_up_to_two() -> None:
    """Each row's loss is 2 where all is given to a wrong class: the interval lies around 1.6, not below 1."""
    y = np.arange(300) % 3
    sure = (y + (np.arange(300) % 5 > 0)) % 3
    problem = Problem(task="classification", y=y, classes=("a", "b", "c"))
    found = assess("brier", problem, Scores(prediction=sure, probability=np.eye(3)[sure])).candidate
    assert found.value == pytest.approx(1.6)
    assert found.low is not None
    assert found.high is not None
    assert 1.5 < found.low < 1.6 < found.high < 1.7


def test_order_of_rows_does_not_matter(make: Make) -> None:
    problem, ours, theirs = make(300, 7, gain=0.2, ties=True)
    order = np.random.default_rng(0).permutation(300)
    for name in ("roc_auc", "average_precision", "ece", "accuracy"):
        straight = assess(name, problem, ours, theirs)
        mixed = assess(name, problem.part(order), ours.part(order), theirs.part(order))
        assert straight.difference is not None
        assert mixed.difference is not None
        assert straight.difference.low == pytest.approx(mixed.difference.low)


def test_small_data_has_the_same_method_and_answer_every_time() -> None:
    random = np.random.default_rng(8)
    y = random.normal(size=60)
    problem = Problem(task="regression", y=y)
    ours, theirs = (Scores(prediction=y + s * random.normal(size=60)) for s in (0.5, 1.0))
    found = assess("rmse", problem, ours, theirs)
    assert found.method == "influence function"
    assert found == assess("rmse", problem, ours, theirs)
    assert found.verdict is Verdict.BETTER


@pytest.mark.parametrize(
    ("low", "high", "margin", "expected"),
    [
        (0.01, 0.03, 0.0, Verdict.BETTER),
        (-0.004, 0.01, 0.005, Verdict.NON_INFERIOR),
        (-0.006, 0.01, 0.005, Verdict.INCONCLUSIVE),
        (-0.03, -0.01, 0.005, Verdict.WORSE),
        (-0.004, -0.001, 0.005, Verdict.NON_INFERIOR),
        (-0.004, -0.001, 0.0, Verdict.WORSE),
        (0.0, 0.0, 0.0, Verdict.NON_INFERIOR),
    ],
)
def test_verdicts(low: float, high: float, margin: float, expected: Verdict) -> None:
    assert verdict(low, high, margin=margin) is expected


def test_what_a_gate_requires() -> None:
    assert satisfies(Verdict.BETTER, "non-inferior")
    assert satisfies(Verdict.NON_INFERIOR, "non-inferior")
    assert not satisfies(Verdict.NON_INFERIOR, "better")
    assert not satisfies(Verdict.INCONCLUSIVE, "non-inferior")


def test_several_verdicts_as_one() -> None:
    assert overall([Verdict.BETTER, Verdict.WORSE]) is Verdict.WORSE
    assert overall([Verdict.BETTER, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert overall([Verdict.NON_INFERIOR, Verdict.BETTER]) is Verdict.BETTER
    assert overall([]) is None


def test_rows_needed_is_the_usual_formula() -> None:
    """With n rows se = sd/√n: to clear 0 at power 0.8, n' = ((1.96 + 0.8416)·sd/d)²."""
    assert rows_needed(0.01, 0.02, 1000, margin=0.0, confidence=0.95) == pytest.approx(31_397, abs=1)
    assert rows_needed(-0.01, 0.02, 1000, margin=0.005, confidence=0.95) is None
