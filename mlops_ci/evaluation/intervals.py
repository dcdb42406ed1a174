"""Standard errors from influence values, and the intervals around a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from mlops_ci.evaluation.few import units
from mlops_ci.evaluation.problem import Codes, Floats, Problem
from mlops_ci.records.evaluation import Interval

FEW = 30
BLOCK = 1 << 17


@dataclass(frozen=True, kw_only=True)
class Error:
    """A standard error, in the metric's own units, and its degrees of freedom."""

    error: float
    freedom: float


def standard_error(values: Floats, problem: Problem) -> Error:
    """From influence values (n,): √(Σφ²)/n; with clusters their sums take the rows' place, scaled by G/(G−1).

    Liang & Zeger (1986), Biometrika 73:13, for the cluster-robust form. For Student's t the degrees of freedom are
    units − 1, or, where fewer than 30 units carry the variance, the effective ones.
    """
    sums, scale = values, 1.0
    if problem.groups is not None:
        sums = _sums(values, problem.groups)
        scale = len(sums) / (len(sums) - 1) if len(sums) > 1 else 1.0
    total = float(np.dot(sums, sums))
    freedom = units(problem) - 1
    effective = _effective(sums, total)
    if effective < min(FEW, freedom):
        freedom = effective
    return Error(error=math.sqrt(total * scale) / len(values), freedom=max(freedom, 1.0))


def _sums(values: Floats, groups: Codes) -> Floats:
    return np.asarray(np.bincount(groups, weights=values), dtype=np.float64)


def _effective(sums: Floats, total: float) -> float:
    """Degrees of freedom 2·V²/Var(V) of the variance V = Σs², with Var(V) ≈ Σs⁴ − V²/n.

    Satterthwaite (1946), Biometrics Bulletin 2:110, with the variance of V as the data have it: n for normal values,
    about 2k where k of many values are not zero. Where no value is large, Σs⁴ ≤ V·max s² tells that they are enough.
    """
    largest = max(float(sums.max()), -float(sums.min()), 0.0)
    if 2 * total >= FEW * largest * largest:
        return math.inf
    blocks = (np.square(sums[start : start + BLOCK]) for start in range(0, len(sums), BLOCK))
    spread = sum(float(np.dot(squares, squares)) for squares in blocks) - total * total / max(len(sums), 1)
    return 2 * total * total / spread if spread > 0 else math.inf


def interval(value: float, found: Error, confidence: float, *, highest: float | None = None) -> Interval:
    """value ± t·se (Student 1908, Biometrika 6:1); between 0 and `highest` on the logit scale, so that it stays there.

    The logit interval is the delta method's: Agresti, *Categorical Data Analysis*, 3rd ed. 2013, § 16.1.
    """
    reach = float(stdtrit(found.freedom, (1 + confidence) / 2)) * found.error
    if highest is not None and 0 < value < highest and reach > 0:
        centre, reach = np.log(value / (highest - value)), reach * highest / (value * (highest - value))
        low, high = (highest / (1 + np.exp(-(centre + side * reach))) for side in (-1, 1))
        return Interval(value=value, low=float(low), high=float(high))
    return Interval(value=value, low=value - reach, high=value + reach)


def share_interval(value: float, rows: int, confidence: float) -> Interval:
    """Wilson's score interval for a share of independent rows (Wilson 1927, JASA 22:209)."""
    z = float(ndtri((1 + confidence) / 2))
    centre = (value + z * z / (2 * rows)) / (1 + z * z / rows)
    reach = z * np.sqrt(value * (1 - value) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return Interval(value=value, low=float(max(0.0, centre - reach)), high=float(min(1.0, centre + reach)))


def paired_shares(wins: float, losses: float, rows: int, confidence: float) -> tuple[float, float, float]:
    """(low, high, se) of the difference of two paired shares, from the rows only one of them gets right.

    Bonett & Price (2012), J. Educ. Behav. Statist. 37:479: one row is added to each discordant cell.
    """
    up, down = (wins + 1) / (rows + 2), (losses + 1) / (rows + 2)
    error = float(np.sqrt((up + down - (up - down) ** 2) / (rows + 2)))
    reach = float(ndtri((1 + confidence) / 2)) * error
    return up - down - reach, up - down + reach, error


def discordant(difference: float, values: Floats) -> tuple[int, int]:
    """How many rows only the candidate gets right, and only the champion.

    The influence values (n,) of a difference of two shares are (hit − hit') − difference, up to a factor near one.
    """
    # Half-way between the levels −1, 0 and 1; asked without the array of their sums, which ten million rows make large.
    return int(np.count_nonzero(values > 0.5 - difference)), int(np.count_nonzero(values < -0.5 - difference))
