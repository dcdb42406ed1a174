"""Exact one-sided tests of shares: plain Python, for counts as they come from a server."""

from __future__ import annotations

import math
from collections.abc import Callable

NEGLIGIBLE = 1e-17  # of the sum so far: what double precision would not see


def above(bad: int, count: int, share: float) -> float:
    """How likely at least `bad` of `count` would be bad by chance, if each were with probability `share`.

    The exact binomial test (Clopper & Pearson 1934, Biometrika 26:404), upper tail.
    """
    if bad <= count * share:
        return 1.0
    if share <= 0.0:
        return 0.0
    odds = share / (1 - share)
    first = math.exp(_choose(count, bad) + bad * math.log(share) + (count - bad) * math.log1p(-share))
    return min(1.0, _tail(first, bad, count, lambda k: (count - k) / (k + 1) * odds))


def higher(bad: int, count: int, others_bad: int, others: int) -> float:
    """How likely a share as much higher than the others' would be by chance, if both were equally likely to be bad.

    Fisher's exact test (Fisher 1935, J. R. Stat. Soc. 98:39), upper tail: given how many are bad in all, the number
    among ours is hypergeometric. It errs on the side of chance. Returns 1.0 where one of the two has no rows.
    """
    if count == 0 or others == 0 or bad * others <= others_bad * count:
        return 1.0
    total = bad + others_bad
    first = math.exp(_choose(count, bad) + _choose(others, others_bad) - _choose(count + others, total))

    def ratio(k: int) -> float:
        return (count - k) * (total - k) / ((k + 1) * (others - total + k + 1))

    return min(1.0, _tail(first, bad, min(count, total), ratio))


def _tail(term: float, start: int, end: int, ratio: Callable[[int], float]) -> float:
    """The sum of a tail beyond the mode, where terms only fall; `ratio(k)` is the next term by the k-th."""
    found = term
    for k in range(start, end):
        term *= ratio(k)
        found += term
        if term <= found * NEGLIGIBLE:
            break
    return found


def _choose(n: int, k: int) -> float:
    """log of n over k."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
