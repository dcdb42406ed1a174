"""Distances from counts, against NumPy and SciPy on the values themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from mlops_ci.evaluation import distances
from mlops_ci.evaluation.decay import unpaired, worse
from mlops_ci.records.evaluation import Interval

RANDOM = np.random.default_rng(11)
SHAPES = {
    "normal": RANDOM.normal(size=5000),
    "lognormal": RANDOM.lognormal(sigma=2, size=5000),
    "whole numbers": RANDOM.integers(0, 40, 5000).astype(float),
    "mixture": np.concatenate([RANDOM.normal(size=4000), RANDOM.normal(50, 0.1, size=1000)]),
    "constant": np.full(5000, 3.0),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("change", ["same", "shift", "scale", "far"])
def test_wasserstein_is_scipys(name: str, change: str) -> None:
    reference = SHAPES[name]
    spread = max(float(reference.std()), 1e-3)
    random = np.random.default_rng(5)
    current = random.choice(reference, 7000)
    if change == "shift":
        current = current + 0.4 * spread
    elif change == "scale":
        current = current * 1.7
    elif change == "far":
        current = np.concatenate([current, [1e6 * spread]])
    bins = distances.fine(reference)
    found = distances.wasserstein(bins.of(reference), bins.of(current), bins, float(reference.std()))
    expected = wasserstein_distance(reference, current) / spread
    assert found == pytest.approx(expected, rel=0.02, abs=2e-3)


@pytest.mark.parametrize("name", SHAPES)
def test_sturges_bins_are_numpys(name: str) -> None:
    values = SHAPES[name]
    bins = distances.sturges(float(values.min()), float(values.max()), len(values))
    edges = np.histogram_bin_edges(values, "sturges")
    assert bins.edges == pytest.approx(edges)
    assert list(bins.of(values)[0][1:-1]) == list(np.histogram(values, edges)[0])


def test_jensenshannon_is_scipys() -> None:
    then, now = RANDOM.dirichlet(np.ones(12), 2)
    now[3] = 0.0
    assert distances.jensenshannon(then, now) == pytest.approx(jensenshannon(then, now), abs=1e-9)


def test_psi_by_hand() -> None:
    then, now = np.array([0.5, 0.5]), np.array([0.6, 0.4])
    expected = -0.1 * np.log(0.5 / 0.6) + 0.1 * np.log(0.5 / 0.4)
    assert distances.psi(then, now) == pytest.approx(expected)
    assert distances.psi(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == pytest.approx(
        0.5 * np.log(2) + 0.4999 * np.log(0.5 / 1e-4)
    )


@pytest.mark.parametrize(
    ("now", "margin", "decayed"), [(0.70, 0.0, True), (0.70, 0.08, False), (0.745, 0.0, False), (0.80, 0.0, False)]
)
def test_a_metric_decays_where_noise_can_not_explain_it(now: float, margin: float, decayed: bool) -> None:
    then = Interval(value=0.76, low=0.75, high=0.77)
    found = unpaired(
        Interval(value=now, low=now - 0.02, high=now + 0.02), then, confidence=0.99, now_at=0.99, then_at=0.95
    )
    assert worse(found, higher_is_better=True, margin=margin) is decayed
    assert worse(Interval(value=now - 0.76), higher_is_better=True, margin=margin) is False, "without an interval"


def test_noise_does_not_trigger() -> None:
    """Of windows from the holdout's own distribution, no more than half of 1 % decay at 99 % confidence, two-sided."""
    random = np.random.default_rng(3)
    triggered = 0
    for _ in range(2000):
        then, now = random.normal(size=400), random.normal(size=400)
        sides = [
            Interval(
                value=float(s.mean()),
                low=float(s.mean() - 1.96 * s.std() / 20),
                high=float(s.mean() + 1.96 * s.std() / 20),
            )
            for s in (then, now)
        ]
        found = unpaired(sides[1], sides[0], confidence=0.99, now_at=0.95, then_at=0.95)
        triggered += worse(found, higher_is_better=True, margin=0.0)
    assert triggered <= 20
