"""How far two samples of one distribution lie apart by chance: what a distance has to exceed to say anything."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import chdtri

from mlops_ci.evaluation.distances import LEAST_NORM, Floats

DRAWS = 400  # Brownian bridges
MOST_BINS = 128  # neighbouring bins are put together: a bridge does not move much within one


def of_shares(method: str, parts: int, *, now: int, then: int, confidence: float) -> float:
    """The quantile of a PSI or a Jensen–Shannon distance over `parts` parts, of samples of `now` and `then` rows.

    With r and c the shares and p those of both, PSI ≈ Σ(r − c)²/p, which is χ² with parts − 1 degrees of freedom times
    1/now + 1/then: Yurdakul & Naranjo (2020), Journal of Risk Model Validation 14(4):89. The Jensen–Shannon divergence
    is an eighth of it: Lin (1991), IEEE Trans. Inf. Theory 37:145, to the second order.
    """
    if parts < 2 or not now or not then:
        return 0.0
    found = float(chdtri(parts - 1, 1 - confidence)) * (1 / now + 1 / then)
    return math.sqrt(found / 8) if method == "jensenshannon" else found


def of_wasserstein(counts: Floats, sums: Floats, spread: float, *, now: int, then: int, confidence: float) -> float:
    """The quantile of a Wasserstein distance ÷ `spread`, of two samples of the distribution that `counts` and `sums` by
    bin (both samples' together, in the order of their values) show.

    √(1/now + 1/then) · ∫|B(F)|dx with a Brownian bridge B: del Barrio, Giné & Matrán (1999), Ann. Probab. 27:1009. The
    bridges are drawn with a seed.
    """
    some = counts > 0
    counts, sums = counts[some], sums[some]
    if len(counts) < 2 or not now or not then:
        return 0.0
    starts = np.arange(0, len(counts), math.ceil(len(counts) / MOST_BINS))
    counts, sums = np.add.reduceat(counts, starts), np.add.reduceat(sums, starts)
    gaps, shares = np.diff(sums / counts), counts / counts.sum()
    walk = np.cumsum(np.random.default_rng(0).normal(size=(DRAWS, len(shares))) * np.sqrt(shares), axis=1)
    bridge = walk[:, :-1] - np.cumsum(shares)[:-1] * walk[:, -1:]
    lengths = np.abs(bridge) @ gaps / max(spread, LEAST_NORM)
    return float(np.quantile(lengths, confidence)) * math.sqrt(1 / now + 1 / then)
