"""A metric on two sets of rows that have nothing to do with each other: is it worse than it was, or is that noise?"""

from __future__ import annotations

import math

from scipy.special import ndtri

from mlops_ci.records.evaluation import Interval


def unpaired(now: Interval, then: Interval, *, confidence: float, now_at: float, then_at: float) -> Interval:
    """now − then with a two-sided interval at `confidence`, from each side's own interval at its own confidence.

    The rows are independent, so the variances add: √(e₁² + e₂²), with e the half width of an interval ÷ the normal
    quantile it was made with. Without an interval of both there is none of the difference. Raises nothing.
    """
    if now.value is None or then.value is None:
        return Interval(value=None)
    value = now.value - then.value
    errors = [_error(now, now_at), _error(then, then_at)]
    if errors[0] is None or errors[1] is None:
        return Interval(value=value)
    reach = float(ndtri((1 + confidence) / 2)) * math.hypot(errors[0], errors[1])
    return Interval(value=value, low=value - reach, high=value + reach)


def _error(found: Interval, confidence: float) -> float | None:
    if found.low is None or found.high is None:
        return None
    return (found.high - found.low) / 2 / float(ndtri((1 + confidence) / 2))


def worse(difference: Interval, *, higher_is_better: bool, margin: float) -> bool:
    """Whether the whole interval lies beyond the margin on the worse side; without an interval it is not known."""
    if difference.low is None or difference.high is None:
        return False
    return difference.high < -margin if higher_is_better else difference.low > margin
