"""Bias-corrected and accelerated bootstrap for small data, where asymptotics are not to be relied on.

Efron (1987), JASA 82:171; DiCiccio & Efron (1996), Statist. Sci. 11:189. Rows are resampled for both models alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from mlops_ci.evaluation.metrics import compute
from mlops_ci.evaluation.problem import Floats, Problem, Scores, Undefined
from mlops_ci.records.evaluation import Interval

SMALL = 200
RESAMPLES = 2000


def bca(
    name: str,
    problem: Problem,
    candidate: Scores,
    champion: Scores,
    fallback: Interval,
    confidence: float,
    options: Mapping[str, Any],
    seed: int,
) -> Interval:
    """The interval of the paired difference; `fallback` where resampling has nothing to say (no variation)."""
    assert fallback.value is not None
    random = np.random.default_rng(seed)
    drawn = (random.integers(0, problem.rows, problem.rows) for _ in range(RESAMPLES))
    found = _differences(name, problem, candidate, champion, options, drawn)
    everything = np.arange(problem.rows)
    left_out = (np.delete(everything, row) for row in everything)
    jackknife = _differences(name, problem, candidate, champion, options, left_out)
    if len(found) < RESAMPLES // 2 or float(np.ptp(found)) == 0 or len(jackknife) < 3:
        return fallback
    low, high = np.quantile(found, _levels(found, jackknife, fallback.value, confidence))
    return Interval(value=fallback.value, low=float(low), high=float(high))


def _differences(
    name: str, problem: Problem, candidate: Scores, champion: Scores, options: Mapping[str, Any], parts: Any
) -> Floats:
    """The difference on each set of rows where both are defined."""
    found = []
    for rows in parts:
        part = problem.part(rows)
        try:
            ours, _ = compute(name, part, candidate.part(rows), options)
            theirs, _ = compute(name, part, champion.part(rows), options)
        except Undefined:
            continue
        found.append(ours - theirs)
    return np.array(found)


def _levels(found: Floats, jackknife: Floats, value: float, confidence: float) -> Floats:
    """The quantile levels, corrected for bias z0 and acceleration a."""
    below = (found < value).mean() + 0.5 * (found == value).mean()
    bias = ndtri(np.clip(below, 1 / (len(found) + 1), len(found) / (len(found) + 1)))
    centred = jackknife.mean() - jackknife
    spread = float(np.square(centred).sum())
    acceleration = float((centred**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    sides = bias + ndtri([(1 - confidence) / 2, (1 + confidence) / 2])
    return np.asarray(ndtr(bias + sides / (1 - acceleration * sides)))
