"""Slices: found, corrected, and never tested on too few rows."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_ci.evaluation.flips import count_flips
from mlops_ci.evaluation.problem import Problem, Scores
from mlops_ci.evaluation.slices import Cut, assess_slices, by_quantile, by_value, holm
from tests.evaluation.conftest import Make


def test_holm_as_in_the_paper() -> None:
    """Holm 1979, by hand: sorted p 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, never falling."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([]) == []


def test_a_broken_slice_is_found_and_the_others_are_not(make: Make) -> None:
    problem, ours, theirs = make(6000, 1, gain=0.3)
    codes, values = by_value(np.array(["ok", "bad", "ok", "fine", "fine", "ok"] * 1000))
    assert ours.probability is not None
    broken = ours.probability.copy()
    bad = codes == values.index("bad")
    broken[bad] = np.random.default_rng(0).permutation(broken[bad])
    candidate = Scores(prediction=(broken > 0.5) * 1, probability=broken)
    cut = Cut(by="kind", metric="roc_auc", max_drop=0.05, min_rows=200, codes=codes, values=values)
    found = assess_slices(problem, candidate, theirs, [cut])
    assert [item.value for item in found if item.failed] == ["bad"]
    assert found[0].value == "bad"
    assert (found[0].drop or 0) > 0.05


def test_few_rows_are_shown_and_not_tested(make: Make) -> None:
    problem, ours, theirs = make(300, 2)
    codes, values = by_value(np.array(["a"] * 290 + ["b"] * 10))
    cut = Cut(by="x", metric="brier", max_drop=0.0, min_rows=100, codes=codes, values=values)
    found = {item.value: item for item in assess_slices(problem, ours, theirs, [cut])}
    assert found["a"].tested
    assert not found["b"].tested
    assert found["b"].rows == 10
    assert not found["b"].failed


def test_a_slice_of_one_class_has_no_value(make: Make) -> None:
    problem, ours, theirs = make(400, 3)
    codes, values = by_value(np.where(problem.truth, "yes", "no"))
    cut = Cut(by="x", metric="roc_auc", max_drop=0.0, min_rows=10, codes=codes, values=values)
    assert all(item.candidate is None and not item.tested for item in assess_slices(problem, ours, theirs, [cut]))


def test_quantiles_keep_equal_numbers_together() -> None:
    codes, names = by_quantile(np.array([1.0, 1, 1, 1, 2, 3, 4, np.nan]), 4)
    assert len(set(codes[:4].tolist())) == 1
    assert names[codes[-1]] == "(missing)"
    assert len(names) == codes.max() + 1


def test_flips_are_counted_by_direction() -> None:
    problem = Problem(task="classification", y=np.array([0, 0, 1, 1, 2]), classes=("a", "b", "c"))
    ours, theirs = Scores(prediction=np.array([0, 1, 1, 1, 0])), Scores(prediction=np.array([1, 0, 1, 0, 1]))
    found = count_flips(problem, ours, theirs)
    assert (found.mended, found.broken, found.other, found.rows) == (2, 1, 1, 5)
