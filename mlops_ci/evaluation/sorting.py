"""Rows from the highest score to the lowest, exactly, in less time than numpy's argsort takes.

The upper bits of a score and its row number fit into one 64-bit integer, and numpy sorts integers several times faster
than it sorts positions. Scores that differ only in the bits that did not fit are put in order afterwards: with ten
million rows 40 bits fit, so these are few.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

WORTH_IT = 1_000_000
MOST_REPAIRED = 0.2
BLOCK = 1 << 16  # rows at a time, where a whole array would only be made to be thrown away


def descending(scores: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """(positions, scores), both (n,), from the highest score to the lowest; ties in any order, no NaN."""
    if len(scores) < WORTH_IT or scores.dtype not in (np.float32, np.float64):
        return _plainly(scores)
    bits = max(1, (len(scores) - 1).bit_length())
    packed = _packed(scores, bits)
    packed.sort()
    order = packed & ((1 << bits) - 1)
    ranked = scores[order]
    if not np.any(ranked[1:] > ranked[:-1]):
        return order, ranked
    packed >>= bits
    places = _unsettled(packed)
    if len(places) > MOST_REPAIRED * len(scores):
        return _plainly(scores)
    order[places] = order[places[np.lexsort((-ranked[places], packed[places]))]]
    ranked[places] = scores[order[places]]
    return order, ranked


def _plainly(scores: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    order = np.argsort(scores)[::-1]
    return order, scores[order]


def _packed(scores: npt.NDArray[Any], bits: int) -> npt.NDArray[np.int64]:
    """Score and row number in one integer that is smaller where the score is higher.

    IEEE 754 numbers are ordered like their bits read as an integer, negative ones the other way round.
    """
    keys = scores.astype(np.float64)
    keys += 0.0  # −0 becomes 0
    packed = keys.view(np.int64)
    negative = packed < 0
    if negative.any():
        np.bitwise_xor(packed, np.int64(2**63 - 1), out=packed, where=negative)
    np.invert(packed, out=packed)
    packed &= np.int64(-(1 << bits))
    for start in range(0, len(packed), BLOCK):
        part = packed[start : start + BLOCK]
        part |= np.arange(start, start + len(part))
    return packed


def _unsettled(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Places in runs of equal keys, where only the whole score decides."""
    same = keys[1:] == keys[:-1]
    members = np.zeros(len(keys), dtype=bool)
    members[1:] = same
    members[:-1] |= same
    return np.flatnonzero(members)
