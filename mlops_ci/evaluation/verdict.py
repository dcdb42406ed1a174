"""From an interval to a verdict, and how many rows would settle what is open."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import ndtri

from mlops_ci.records.results import Verdict

POWER = 0.8


def verdict(low: float, high: float, *, margin: float) -> Verdict:
    """The verdict on a difference whose interval [low, high] is turned so that positive is better.

    better: low > 0. non-inferior: low ≥ −margin (the interval excludes a loss larger than the margin; Piaggio et al.
    2012, JAMA 308:2594). worse: high < 0 and not non-inferior. inconclusive: everything else.
    """
    if low > 0:
        return Verdict.BETTER
    if low >= -margin:
        return Verdict.NON_INFERIOR
    return Verdict.WORSE if high < 0 else Verdict.INCONCLUSIVE


def satisfies(found: Verdict, require: str) -> bool:
    """Whether a verdict is what a gate requires: better is non-inferior too (Piaggio et al. 2012, JAMA 308:2594)."""
    return found is Verdict.BETTER or (found is Verdict.NON_INFERIOR and require == "non-inferior")


def rows_needed(difference: float, error: float, rows: int, *, margin: float, confidence: float) -> int | None:
    """Rows at which the interval would clear −margin with power 0.8, if the true difference is the one seen.

    n·((z₁₋α/₂ + z₀.₈)·se/(d + margin))² (the usual normal sample-size formula, e.g. Chow, Shao & Wang 2008, ch. 4);
    `difference` is turned so that positive is better. None where it would never clear.
    """
    distance = difference + margin
    if distance <= 0 or error <= 0:
        return None
    quantiles = float(ndtri((1 + confidence) / 2) + ndtri(POWER))
    return math.ceil(rows * (quantiles * error / distance) ** 2)


def overall(found: Sequence[Verdict]) -> Verdict | None:
    """Several verdicts as one: the worst, except that better and non-inferior together are better."""
    for bad in (Verdict.WORSE, Verdict.INCONCLUSIVE):
        if bad in found:
            return bad
    if not found:
        return None
    return Verdict.BETTER if Verdict.BETTER in found else Verdict.NON_INFERIOR
