"""The exact tests of shares, beside SciPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mlops_ci.evaluation.shares import above, higher


@pytest.mark.parametrize("count", [1, 20, 333, 5000])
@pytest.mark.parametrize("share", [0.001, 0.01, 0.2, 0.99])
def test_above_is_the_upper_tail_of_the_binomial(count: int, share: float) -> None:
    for bad in sorted({0, 1, 2, 5, round(count * share) + 1, round(count * share * 1.5) + 2, count}):
        if bad > count * share and bad <= count:
            expected = stats.binomtest(bad, count, share, alternative="greater").pvalue
            assert above(bad, count, share) == pytest.approx(expected, rel=1e-8), bad


def test_above_where_nothing_may_be_bad() -> None:
    assert above(0, 100, 0.0) == 1.0
    assert above(1, 100, 0.0) == 0.0
    assert above(100, 100, 1.0) == 1.0


def test_fishers_tea() -> None:
    """Fisher (1935), The Design of Experiments, ch. 2: three of four cups each way have the probability 17/70."""
    assert higher(3, 4, 1, 4) == pytest.approx(17 / 70, rel=1e-12)


@pytest.mark.parametrize(
    ("bad", "count", "others_bad", "others"),
    [
        (5, 200, 3, 1800),
        (40, 2000, 180, 18000),
        (1, 1, 0, 50),
        (12, 400, 0, 3600),
        (900, 1000, 100, 9000),
        (7, 7, 1, 8),
    ],
)
def test_higher_is_fishers_exact_test(bad: int, count: int, others_bad: int, others: int) -> None:
    table = [[bad, count - bad], [others_bad, others - others_bad]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert higher(bad, count, others_bad, others) == pytest.approx(expected, rel=1e-7)


def test_no_comparison_without_both() -> None:
    assert higher(5, 10, 0, 0) == higher(0, 0, 5, 10) == 1.0


def test_millions_are_no_matter() -> None:
    assert higher(10_500, 1_000_000, 90_000, 9_000_000) < 1e-5
    assert above(10_500, 1_000_000, 0.01) == pytest.approx(stats.binom.sf(10_499, 1_000_000, 0.01), rel=1e-6)


def test_equal_revisions_seldom_differ() -> None:
    """Of 4,000 windows of two equally good revisions, about one in a hundred is sure, or fewer."""
    random = np.random.default_rng(7)
    sure = sum(
        higher(int(random.binomial(300, 0.02)), 300, int(random.binomial(2700, 0.02)), 2700) < 0.01 for _ in range(4000)
    )
    assert sure <= 40 + 3 * math.sqrt(40)
