"""What chance gives, against distances of windows that do not drift at all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mlops_ci.evaluation import chance, distances

THEN = 3000
SHAPES: dict[str, Callable[[np.random.Generator, int], distances.Floats]] = {
    "normal": lambda random, rows: random.normal(size=rows),
    "long tail": lambda random, rows: random.lognormal(sigma=1.2, size=rows),
    "two values": lambda random, rows: random.integers(0, 2, rows).astype(float),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [300, 3000])
def test_a_wasserstein_distance_exceeds_it_as_often_as_said(shape: str, rows: int) -> None:
    random, draw = np.random.default_rng(3), SHAPES[shape]
    over = 0
    for _ in range(200):
        reference, current = draw(random, THEN), draw(random, rows)
        bins, spread = distances.fine(reference), float(reference.std())
        sides = bins.of(reference), bins.of(current)
        limit = chance.of_wasserstein(
            sides[0][0] + sides[1][0], sides[0][1] + sides[1][1], spread, now=rows, then=THEN, confidence=0.95
        )
        over += distances.wasserstein(*sides, bins, spread) > limit
    assert 2 <= over <= 22, "ten are expected"


@pytest.mark.parametrize("method", ["psi", "jensenshannon"])
@pytest.mark.parametrize("rows", [300, 3000])
def test_a_distance_of_shares_exceeds_it_as_often_as_said(method: str, rows: int) -> None:
    random, shares = np.random.default_rng(3), np.array([0.3, 0.25, 0.2, 0.15, 0.07, 0.03])
    limit = chance.of_shares(method, 6, now=rows, then=THEN, confidence=0.95)
    pairs = zip(random.multinomial(THEN, shares, 400), random.multinomial(rows, shares, 400), strict=True)
    over = sum(distances.of_counts(method, then * 1.0, now * 1.0) > limit for then, now in pairs)
    assert 8 <= over <= 34, "twenty are expected"


def test_by_hand() -> None:
    """χ²₁ at 95 % is 3.841."""
    assert chance.of_shares("psi", 2, now=100, then=100, confidence=0.95) == pytest.approx(3.841 * 0.02, abs=1e-4)
    assert chance.of_shares("psi", 1, now=100, then=100, confidence=0.95) == 0.0
    assert chance.of_shares("psi", 2, now=0, then=100, confidence=0.95) == 0.0


def test_what_has_one_value_is_never_apart() -> None:
    assert chance.of_wasserstein(np.array([0.0, 9.0]), np.array([0.0, 9.0]), 0.0, now=4, then=5, confidence=0.9) == 0.0
