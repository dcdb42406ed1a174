"""Seeded problems of several shapes, with two models' answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mlops_ci.evaluation.problem import Problem, Scores

Pair = tuple[Problem, Scores, Scores]
Make = Callable[..., Pair]


def binary(
    rows: int, seed: int, *, gain: float = 0.0, ties: bool = False, share: float = 0.5, clusters: int = 0
) -> Pair:
    """A binary problem in which the candidate hears the signal with less noise by `gain`."""
    random = np.random.default_rng(seed)
    groups = random.integers(0, clusters, rows) if clusters else None
    common = random.normal(size=clusters)[groups] if groups is not None else 0.0
    signal = random.normal(size=rows) + common
    y = (signal + random.normal(size=rows) > np.quantile(signal, 1 - share) * 1.2).astype(np.int64)
    answers = []
    for noise in (1.0 - gain, 1.0):
        logit = signal + noise * random.normal(size=rows) + (0.5 * common if clusters else 0.0)
        probability = 1 / (1 + np.exp(-logit))
        # Not 0 or 1: a log loss that a handful of clipped rows decide has no interval worth the name (docs say so).
        probability = np.clip(np.round(probability, 1), 0.05, 0.95) if ties else probability
        answers.append(Scores(prediction=(probability > 0.5).astype(np.int64), probability=probability))
    return Problem(task="classification", y=y, classes=("0", "1"), groups=groups), answers[0], answers[1]


@pytest.fixture
def make() -> Make:
    return binary
