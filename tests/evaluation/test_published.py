"""Figures that others published, or that an independent implementation gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from mlops_ci.evaluation.compare import assess
from mlops_ci.evaluation.intervals import paired_shares, share_interval
from mlops_ci.evaluation.metrics import compute
from mlops_ci.evaluation.paired import difference
from mlops_ci.evaluation.problem import Problem, Scores
from mlops_ci.evaluation.slices import holm
from tests.evaluation.conftest import Pair


def table(both: int, first: int, second: int, neither: int) -> Pair:
    """Matched pairs: rows that both models get right, only the first, only the second, neither."""
    counts = (both, first, second, neither)
    answers = (np.repeat(right, counts) for right in ((1, 1, 0, 0), (1, 0, 1, 0)))
    ours, theirs = (Scores(prediction=answer, probability=answer * 1.0) for answer in answers)
    problem = Problem(task="classification", y=np.ones(sum(counts), dtype=int), classes=("0", "1"))
    return problem, ours, theirs


def test_wilson_as_statsmodels() -> None:
    """statsmodels 0.15.0, proportion_confint(81, 263, method="wilson"); Newcombe 1998 rounds it to four digits."""
    found = share_interval(81 / 263, 263, 0.95)
    assert (found.low, found.high) == pytest.approx((0.2552885198782742, 0.36620957698280004), abs=1e-9)


@pytest.mark.parametrize("metric", ["accuracy", "brier"])
def test_approval_ratings(metric: str) -> None:
    """Agresti, Categorical Data Analysis (2nd ed. 2002), § 10.1: of 1,600 voters 794 approve twice, 150 at first only,
    86 at last only, 570 never. Second − first is −0.04 with the Wald interval (−0.06, −0.02), standard error 0.0095.

    The book's formula is √(236 − 64²/1600)/1600 = 0.009549. Bonett & Price's two rows (accuracy) and the n − 1 of a
    paired t test (of Brier losses, which are 0 and 1 here) change it by less than 0.00003, and the ends of the interval
    not in two decimals. For the Brier score lower is better.
    """
    problem, first, second = table(794, 150, 86, 570)
    sign = 1 if metric == "accuracy" else -1
    paired = difference(
        metric, problem, (second, first), (compute(metric, problem, second), compute(metric, problem, first)), 0.95
    )
    assert paired.error == pytest.approx(0.009549, abs=3e-5)
    assert sign * paired.value == pytest.approx(-0.04)
    ends = sorted(round(sign * (end or 0.0), 2) for end in (paired.around.low, paired.around.high))
    assert ends == [-0.06, -0.02]


def test_mcnemar_of_the_approval_ratings() -> None:
    """statsmodels 0.15.0, mcnemar(exact=False, correction=False): z² = 17.3559 = 64²/236. Ours adds the two rows of
    Bonett & Price: 64²/238."""
    problem, first, second = table(794, 150, 86, 570)
    found = assess("accuracy", problem, second, first)
    assert found.p_value == pytest.approx(float(chi2.sf(17.35593220338983 * 236 / 238, 1)))


def test_bonett_price_as_published() -> None:
    """Complete response before and after consolidation therapy (Cavo et al. 2012), 59, 6, 16 and 80 patients, in
    Fagerland, Lydersen & Laake, Statistical Analysis of Contingency Tables (2017), ch. 8. Their R package
    contingencytables gives for Wald_CI_BonettPrice_paired_2x2: −0.0621, −0.1195 to −0.0032."""
    low, high, _ = paired_shares(6, 16, 161, 0.95)
    assert (low, high) == pytest.approx((-0.1195, -0.0032), abs=5e-5)
    found = assess("accuracy", *table(59, 6, 16, 80)).difference
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((-0.0621, -0.1195, -0.0032), abs=5e-5)


def test_delong_as_another_implementation() -> None:
    """MLstatkit 0.1.91, Delong_test on these scores with heavy ties (80 positives, 120 negatives)."""
    random = np.random.default_rng(2026)
    y = (np.arange(200) % 5 < 2).astype(int)
    signal = random.normal(size=200) + y
    ours, theirs = (np.round(signal + noise * random.normal(size=200), 1) for noise in (0.6, 1.2))
    problem = Problem(task="classification", y=y, classes=("0", "1"))
    models = tuple(Scores(prediction=(score > 0).astype(int), probability=score) for score in (ours, theirs))
    found = tuple(compute("roc_auc", problem, scores) for scores in models)
    assert [value for value, _ in found] == pytest.approx([0.6861979166666666, 0.6811458333333332])
    paired = difference("roc_auc", problem, (models[0], models[1]), (found[0], found[1]), 0.95)
    assert (paired.error or 0) ** 2 == pytest.approx(0.0015224744584509697)


def test_holm_as_statsmodels() -> None:
    """The worked example of Wikipedia's "Holm–Bonferroni method": of 0.01, 0.04, 0.03 and 0.005 the first and the last
    are rejected at 0.05. Adjusted by statsmodels 0.15.0, multipletests(method="holm")."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
