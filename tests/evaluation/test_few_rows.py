"""Few rows, one cluster, or nothing that varies: never a certainty that is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from mlops_ci.evaluation.compare import assess
from mlops_ci.evaluation.few import LEAST, alike, units
from mlops_ci.evaluation.intervals import standard_error
from mlops_ci.evaluation.metrics import METRICS
from mlops_ci.evaluation.problem import Problem, Scores, Undefined
from mlops_ci.evaluation.resampled import from_replicates
from mlops_ci.evaluation.slices import Cut, assess_slices, by_value
from mlops_ci.records.evaluation import Interval, MetricResult
from mlops_ci.records.results import Verdict
from tests.evaluation.conftest import Make, Pair

CLASSIFICATION = [name for name, metric in METRICS.items() if metric.task == "classification" and name[:3] != "top"]


def silent(found: MetricResult) -> bool:
    """Whether a comparison says nothing but its value, and why."""
    nothing = (found.verdict, found.p_value, found.rows_needed) == (None, None, None)
    return nothing and found.difference is not None and found.difference.low is None and found.reason != ""


def right_and_wrong(rows: int) -> Pair:
    """The candidate is right everywhere, the champion wrong everywhere."""
    y = np.arange(rows) % 2
    ours, theirs = (Scores(prediction=label, probability=0.1 + 0.8 * label) for label in (y, 1 - y))
    return Problem(task="classification", y=y, classes=("0", "1")), ours, theirs


@pytest.mark.parametrize("rows", [2, 4, LEAST - 1])
@pytest.mark.parametrize("name", CLASSIFICATION)
def test_a_handful_of_rows_has_no_verdict(name: str, rows: int) -> None:
    problem, ours, theirs = right_and_wrong(rows)
    try:
        found = assess(name, problem, ours, theirs)
    except Undefined:
        return
    assert silent(found)
    assert "10 independent rows" in found.reason
    assert found.candidate == Interval(value=found.candidate.value)


@pytest.mark.parametrize("name", CLASSIFICATION)
@pytest.mark.parametrize("groups", [1, 2, LEAST - 1])
def test_a_handful_of_clusters_has_no_verdict(make: Make, name: str, groups: int) -> None:
    problem, ours, theirs = make(300, 1, gain=0.5)
    found = assess(name, replace(problem, groups=np.arange(300) % groups), ours, theirs)
    assert silent(found)
    assert f"10 independent groups, and there are {groups}" in found.reason


def test_one_large_cluster_among_small_ones_is_no_better_than_one(make: Make) -> None:
    problem, ours, theirs = make(300, 1, gain=0.5)
    found = assess("brier", replace(problem, groups=np.maximum(np.arange(300) - 280, 0)), ours, theirs)
    assert silent(found)
    assert "these differ so in size that they count as 1.1" in found.reason


def test_clusters_of_one_size_count_as_many_as_they_are(make: Make) -> None:
    problem, _, _ = make(300, 1)
    assert units(replace(problem, groups=np.arange(300) % 20)) == pytest.approx(20)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "recall", "f1", "balanced_accuracy"])
def test_a_handful_of_positives_has_no_verdict(make: Make, name: str) -> None:
    problem, ours, theirs = make(300, 2, gain=0.5)
    rare = replace(problem, y=(np.arange(300) >= 300 - (LEAST - 1)).astype(np.int64))
    found = assess(name, rare, ours, theirs)
    assert silent(found)
    assert found.reason == "an interval needs 10 rows of class '1', and there are 9"
    assert not silent(assess("accuracy", rare, ours, theirs))


def test_a_handful_of_calls_has_no_precision_to_compare(make: Make) -> None:
    problem, ours, theirs = make(300, 2)
    shy = replace(ours, prediction=(np.arange(300) < 3).astype(np.int64))
    assert "10 rows predicted '1', and there are 3" in assess("precision", problem, shy, theirs).reason


@pytest.mark.parametrize("name", ["mae", "rmse", "medae", "log_loss", "brier"])
def test_a_difference_that_is_the_same_on_every_row_is_not_certain(name: str) -> None:
    """Floating-point noise around a constant difference is no variance either."""
    if METRICS[name].task == "regression":
        y = np.linspace(1.0, 2.0, 100)
        problem = Problem(task="regression", y=y)
        ours, theirs = (Scores(prediction=y + error) for error in (0.1, 0.3))
    else:
        problem, ours, theirs = right_and_wrong(100)
    found = assess(name, problem, ours, theirs)
    assert silent(found)
    assert "no variation" in found.reason


def test_models_that_rank_alike_are_alike_as_far_as_the_rows_tell(make: Make) -> None:
    """A recalibrated model: no row moves, which in 300 rows excludes a small loss only; cf. the rule of three."""
    problem, ours, _ = make(300, 3)
    assert ours.probability is not None
    warmer = replace(ours, probability=ours.probability**2)
    found = assess("roc_auc", problem, warmer, ours, margin=0.05)
    assert found.difference is not None
    assert found.difference.value == 0
    positives = int(problem.truth.sum())
    reach = t.ppf(0.975, 4) * np.sqrt(2 / positives**2 + 2 / (300 - positives) ** 2)
    assert found.difference.high == pytest.approx(reach)
    assert reach < 0.05
    assert found.verdict is Verdict.NON_INFERIOR
    assert assess("roc_auc", problem, warmer, ours, margin=0.005).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("name", ["accuracy", "f1", "recall", "precision", "balanced_accuracy"])
@pytest.mark.parametrize("groups", [None, 30])
def test_labels_that_agree_exclude_no_small_loss(make: Make, name: str, groups: int | None) -> None:
    problem, ours, _ = make(300, 3)
    problem = replace(problem, groups=None if groups is None else np.arange(300) % groups)
    assert ours.probability is not None
    found = assess(name, problem, replace(ours, probability=ours.probability**0.9), ours)
    assert found.difference is not None
    assert found.verdict is Verdict.INCONCLUSIVE
    assert 1 / (groups or 300) < (found.difference.high or 0) < 10 / (groups or 300)
    assert found.p_value == 1


@pytest.mark.parametrize("name", CLASSIFICATION)
@pytest.mark.parametrize("rows", [4, 300])
def test_models_that_say_the_same_differ_by_nothing(make: Make, name: str, rows: int) -> None:
    problem, ours, _ = make(300, 5)
    part = np.concatenate([np.flatnonzero(problem.truth)[: rows // 2], np.flatnonzero(~problem.truth)[: rows // 2]])
    same = assess(name, problem.part(part), ours.part(part), ours.part(part))
    assert same.difference == Interval(value=0.0, low=0.0, high=0.0)
    assert (same.verdict, same.p_value) == (Verdict.NON_INFERIOR, 1.0)


def test_labels_and_probabilities_are_not_the_same_answer(make: Make) -> None:
    _, ours, _ = make(50, 5)
    assert alike(ours, replace(ours))
    assert not alike(ours, replace(ours, probability=None))
    assert alike(replace(ours, probability=None), replace(ours, probability=None))


def test_few_values_that_carry_the_variance_have_few_degrees_of_freedom() -> None:
    """k of many values: 2k; as many as there are: n − 1."""
    problem = Problem(task="regression", y=np.zeros(10_000))
    sparse = np.zeros(10_000)
    sparse[:3] = 1.0
    assert standard_error(sparse, problem).freedom == pytest.approx(6, rel=1e-3)
    assert standard_error(np.random.default_rng(0).normal(size=10_000), problem).freedom == 9999


def cut_into_one(groups: np.ndarray[tuple[int], np.dtype[np.int64]], metric: str) -> Cut:
    codes, values = by_value(groups)
    return Cut(by="group", metric=metric, max_drop=0.0, min_rows=50, codes=codes, values=values)


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "brier"])
def test_slices_inside_one_cluster_are_not_tested(make: Make, metric: str) -> None:
    problem, ours, theirs = make(1200, 6, gain=0.5)
    groups = np.arange(1200) % 12
    problem = replace(problem, groups=groups)
    found = assess_slices(problem, theirs, ours, [cut_into_one(groups, metric)])
    assert len(found) == 12
    for item in found:
        assert not item.tested
        assert not item.failed
        assert (item.p_value, item.low, item.high) == (None, None, None)
        assert item.reason == "an interval needs 10 independent groups, and there are 1"


def test_a_slice_without_a_flip_is_tested_with_what_its_rows_can_tell(make: Make) -> None:
    problem, ours, _ = make(300, 3)
    assert ours.probability is not None
    warmer = replace(ours, probability=ours.probability**0.9)
    cut = cut_into_one(np.zeros(300, dtype=np.int64), "accuracy")
    tight, wide = (assess_slices(problem, warmer, ours, [replace(cut, max_drop=drop)])[0] for drop in (0.0, 0.1))
    assert tight.tested
    assert tight.p_value == pytest.approx(0.5)
    assert not wide.failed
    assert (wide.high or 0) > 0


REPLICATES = {
    "nothing varies": ([1.0] * 1001, [2.0] * 1001, 300.0),
    "few rows": (list(np.linspace(0, 1, 1001)), list(np.linspace(1, 3, 1001)), 4.0),
    "few numbers": ([1.0, *([None] * 950), *np.linspace(0, 1, 50)], [1.0] * 1001, 300.0),
}


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("nothing varies", "every resample gives the same"),
        ("few rows", "10 independent rows or groups, and there are 4"),
        ("few numbers", "on 50 resamples only, and 100 are needed"),
    ],
)
def test_ones_own_metric_is_never_certain_without_reason(case: str, words: str) -> None:
    ours, theirs, count = REPLICATES[case]
    found = from_replicates(
        "own",
        {"candidate": ours, "champion": theirs},
        higher_is_better=False,
        confidence=0.95,
        margin=0.0,
        rows=int(count),
        units=count,
    )
    assert silent(found)
    assert words in found.reason


def test_ones_own_metric_of_models_that_say_the_same_differs_by_nothing() -> None:
    found = from_replicates(
        "own",
        {"candidate": [1.0, 2.0], "champion": [1.0, 2.0]},
        higher_is_better=True,
        confidence=0.95,
        margin=0.0,
        rows=4,
        units=4.0,
        alike=True,
    )
    assert found.difference == Interval(value=0.0, low=0.0, high=0.0)
    assert found.verdict is Verdict.NON_INFERIOR
