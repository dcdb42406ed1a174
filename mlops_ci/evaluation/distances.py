"""Distances of two distributions from counts, so that any number of rows can be summarised first.

On equal rows they are Evidently's own (0.7, `legacy/calculations/stattests`): PSI and Jensen–Shannon on equally wide
bins over both samples, as many as Sturges' rule gives, Wasserstein divided by the reference's standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
FEW_VALUES = 20  # of a number: up to here Evidently compares value by value
FINE = 512  # bins of a Wasserstein distance, between the ends of the middle
TAIL = 0.005  # of the reference lies beyond each end of the middle
LONG = 8.0  # times the quartiles' distance: a middle that is longer has long tails
HAIR = 1e-9  # of their range that fine bins are wider at the top
SMALLEST = 1e-4  # share that an empty bin counts as, for PSI
LEAST_NORM = 1e-3


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Equally wide bins from `low` on. What lies below is in bin −1, what lies above in bin `count`.

    With a `scale` they are equally wide in asinh((x − centre) ÷ scale), so that they grow with the distance from the
    centre: `low` and `high` are such values, then.
    """

    low: float
    high: float
    count: int
    centre: float = 0.0
    scale: float = 0.0

    @property
    def width(self) -> float:
        """0 where all values are alike."""
        return (self.high - self.low) / self.count

    @property
    def edges(self) -> Floats:
        """(count + 1,), of the values themselves."""
        even = np.linspace(self.low, self.high, self.count + 1)
        return self.centre + self.scale * np.sinh(even) if self.scale else even

    def place(self, values: Floats) -> npt.NDArray[np.int64]:
        """Each value's bin, −1 to count; the top edge belongs to the last bin."""
        if self.scale:
            values = np.arcsinh((values - self.centre) / self.scale)
        if self.width <= 0:
            return np.where(values < self.low, -1, np.where(values > self.low, self.count, 0)).astype(np.int64)
        found = np.floor((values - self.low) / self.width)
        found = np.where(values == self.high, self.count - 1, found)
        return np.clip(found, -1, self.count).astype(np.int64)

    def of(self, values: Floats) -> tuple[Floats, Floats]:
        """(counts, sums), each (count + 2,), the part below first."""
        places = self.place(values) + 1
        size = self.count + 2
        return (
            np.bincount(places, minlength=size).astype(np.float64),
            np.bincount(places, weights=values, minlength=size).astype(np.float64),
        )


def sturges(low: float, high: float, rows: int) -> Bins:
    """The bins that NumPy's `histogram_bin_edges(…, "sturges")` makes over `rows` values; a range of nothing is 1 wide.

    Sturges (1926), JASA 21:65.
    """
    if low == high:
        return Bins(low=low - 0.5, high=high + 0.5, count=1)
    width = (high - low) / (math.log2(rows) + 1.0)
    return Bins(low=low, high=high, count=max(1, math.ceil((high - low) / width)))


def fine(reference: Floats) -> Bins:
    """Bins for a Wasserstein distance: narrow where the reference is, one for each tail; growing where it is spread
    over orders of magnitude."""
    cuts = np.quantile(reference, [TAIL, 0.25, 0.5, 0.75, 1 - TAIL])
    low, quarter, centre, three_quarters, high = (float(item) for item in cuts)
    scale = three_quarters - quarter
    if 0 < LONG * scale < high - low:
        ends = np.arcsinh((np.array([reference.min(), reference.max()]) - centre) / scale)
        return _open(Bins(low=float(ends[0]), high=float(ends[1]), count=FINE, centre=centre, scale=scale))
    return _open(Bins(low=low, high=high, count=FINE))


def _open(bins: Bins) -> Bins:
    """A hair wider, so that a value at the top edge needs no rule of its own, whoever counts."""
    return replace(bins, high=bins.high + HAIR * (bins.high - bins.low))


def wasserstein(reference: tuple[Floats, Floats], current: tuple[Floats, Floats], bins: Bins, spread: float) -> float:
    """The area between two distribution functions ÷ `spread`, from counts and sums by bin.

    Within a bin from a to b, ∫F = b·F(b) − a·F(a) − (sum of its values)/n, so that the area is exact but in bins where
    the two functions cross. With n the rows of each side; the tails have an infinite end, where F is 0 or 1 for both.
    """
    areas = [_areas(counts, sums, bins.edges) for counts, sums in (reference, current)]
    return float(np.abs(areas[0] - areas[1]).sum()) / max(spread, LEAST_NORM)


def _areas(counts: Floats, sums: Floats, edges: Floats) -> Floats:
    """∫F in each bin (of the lower tail as it is; of the upper one ∫(F−1))."""
    rows = counts.sum()
    at = np.cumsum(counts)[:-1] / rows  # F at each edge
    inner = edges[1:] * at[1:] - edges[:-1] * at[:-1] - sums[1:-1] / rows
    lower = edges[0] * at[0] - sums[0] / rows
    upper = edges[-1] * (1 - at[-1]) - sums[-1] / rows
    return np.concatenate([[lower], inner, [upper]])


def psi(reference: Floats, current: Floats) -> float:
    """Population stability index Σ(r − c)·ln(r/c) of two rows of shares; an empty part counts as a ten thousandth, or a
    millionth of the smallest one where that is smaller still."""
    r, c = _filled(reference), _filled(current)
    return float(((r - c) * np.log(r / c)).sum())


def _filled(shares: Floats) -> Floats:
    least = float(shares[shares > 0].min())
    return np.where(shares > 0, shares, least / 1e6 if least <= SMALLEST else SMALLEST)


def jensenshannon(reference: Floats, current: Floats) -> float:
    """Jensen–Shannon distance, the root of the divergence with natural logarithms: Endres & Schindelin (2003), IEEE
    Trans. Inf. Theory 49:1858."""
    r, c = reference / reference.sum(), current / current.sum()
    middle = (r + c) / 2
    total = 0.0
    for shares in (r, c):
        some = shares > 0
        total += float((shares[some] * np.log(shares[some] / middle[some])).sum())
    return math.sqrt(max(0.0, total / 2))


SHARED = {"psi": psi, "jensenshannon": jensenshannon}


def of_counts(method: str, reference: Floats, current: Floats) -> float:
    """PSI or Jensen–Shannon of counts part by part."""
    return SHARED[method](reference / reference.sum(), current / current.sum())


def by_value(reference: Mapping[str, int], current: Mapping[str, int]) -> tuple[list[str], Floats, Floats]:
    """(names, counts, counts) of two mappings; what one lacks is 0."""
    names = [*reference, *(name for name in current if name not in reference)]
    then, now = ([float(side.get(name, 0)) for name in names] for side in (reference, current))
    return names, np.array(then), np.array(now)


def joined(counts: Sequence[float], parts: int) -> list[float]:
    """Neighbouring bins put together until at most `parts` are left."""
    step = max(1, math.ceil(len(counts) / parts))
    return [float(sum(counts[start : start + step])) for start in range(0, len(counts), step)]
