"""One column of a window against the reference's sample, from counts of all rows: facts, and a distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlops_ci.backends.watch.duck_sample import Sample
from mlops_ci.backends.watch.window_rows import Numbers, WindowRows
from mlops_ci.evaluation import chance, distances
from mlops_ci.evaluation.distances import Bins
from mlops_ci.ports.drift import Rules
from mlops_ci.records.drift import ColumnDrift, ColumnFacts, Shares
from mlops_ci.records.reference import CATEGORY, NUMBER, TIME, ColumnSummary

DRAWN = 12  # parts that a report shows


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A column with its method and threshold. `stored` is its name in the sample, `known` what its numbers are. A
    distance below what this share (`chance`) of windows of at most `most` rows has without any drift is none."""

    rows: WindowRows
    sample: Sample
    summary: ColumnSummary
    stored: str
    method: str
    threshold: float
    known: Numbers | None = None
    chance: float = 0.0
    most: int = 0

    def by_chance_of(self, counts: tuple[Any, Any]) -> float:
        """Of counts part by part, then and now."""
        if not self.chance:
            return 0.0
        parts = int(np.count_nonzero(counts[0] + counts[1]))
        return chance.of_shares(self.method, parts, **self._sizes(*counts), confidence=self.chance)

    def by_chance(self, sides: Sequence[tuple[Any, Any]], spread: float) -> float:
        """Of counts and sums by bin, then and now."""
        if not self.chance:
            return 0.0
        counts, sums = (then + now for then, now in zip(*sides, strict=True))
        sizes = self._sizes(sides[0][0], sides[1][0])
        return chance.of_wasserstein(counts, sums, spread, **sizes, confidence=self.chance)

    def _sizes(self, then: Any, now: Any) -> dict[str, int]:
        rows = int(now.sum())
        return {"then": int(then.sum()), "now": min(rows, self.most) if self.most else rows}

    @property
    def name(self) -> str:
        return self.summary.name

    @property
    def facts(self) -> ColumnFacts:
        """What the numbers tell."""
        known = self.known
        assert known is not None
        return ColumnFacts(
            name=self.name,
            rows=self.rows.rows,
            dtype=self.rows.dtype(self.name),
            missing=known.missing,
            mistyped=known.mistyped,
            infinite=known.infinite,
            low=known.low,
            high=known.high,
        )

    def silent(self, reason: str) -> ColumnDrift:
        """No distance, and why."""
        return ColumnDrift(
            name=self.name, kind=self.summary.kind, method=self.method, threshold=self.threshold, reason=reason
        )


def compare(
    rows: WindowRows, sample: Sample, asked: Sequence[tuple[ColumnSummary, str, str, float]], rules: Rules
) -> list[tuple[ColumnFacts, ColumnDrift]]:
    """(facts, distance) of columns, each with its name in the sample, its method and its threshold; a distance that
    there is not has its reason."""
    there = [item.name for item, *_ in asked if item.kind == NUMBER and rows.dtype(item.name)]
    known = rows.numbers(list(dict.fromkeys(there))) if there else {}
    return [
        _compare(
            Asked(
                rows=rows,
                sample=sample,
                summary=summary,
                stored=stored,
                method=method,
                threshold=threshold,
                known=known.get(summary.name),
                chance=rules.chance,
                most=rules.most,
            )
        )
        for summary, stored, method, threshold in asked
    ]


def _compare(asked: Asked) -> tuple[ColumnFacts, ColumnDrift]:
    rows, kind = asked.rows, asked.summary.kind
    if not rows.dtype(asked.name):
        facts = ColumnFacts(name=asked.name, rows=rows.rows, there=False)
        return facts, asked.silent("the column is not there")
    if kind == NUMBER:
        return _number(asked)
    if kind == CATEGORY:
        return _category(asked)
    missing, mistyped = rows.plain(asked.name, time=kind == TIME)
    facts = ColumnFacts(
        name=asked.name, rows=rows.rows, dtype=rows.dtype(asked.name), missing=missing, mistyped=mistyped
    )
    return facts, asked.silent(
        "a time has no distribution to compare" if kind == TIME else "its values are names of rows, or none"
    )


def _number(asked: Asked) -> tuple[ColumnFacts, ColumnDrift]:
    known, method, summary = asked.known, asked.method, asked.summary
    assert known is not None
    reference = asked.sample.numbers(asked.stored, summary.dtype)
    if len(reference) == 0:
        return asked.facts, asked.silent("the reference has no value")
    if not known.finite or known.low is None or known.high is None:
        return asked.facts, asked.silent("no value is there")
    few = method != "wasserstein" and len(np.unique(reference)) <= distances.FEW_VALUES
    bins = distances.fine(reference)
    if method != "wasserstein" and not few:
        ends = (min(known.low, float(reference.min())), max(known.high, float(reference.max())))
        bins = distances.sturges(*ends, known.finite + len(reference))
    limits = (
        -np.inf if summary.low is None else float(summary.low),
        np.inf if summary.high is None else float(summary.high),
    )
    counted = asked.rows.counted(asked.name, bins, known, limits)
    facts = replace(asked.facts, outside=counted.outside)
    if few:
        return facts, _few_numbers(asked, reference, known.finite)
    then, now = bins.of(reference), (counted.counts, counted.sums)
    shares = _drawn(bins, then[0], counted.counts)
    if method == "wasserstein":
        spread = float(np.std(reference))
        value = distances.wasserstein(then, now, bins, spread)
        return facts, _found(asked, value, shares, asked.by_chance((then, now), spread))
    inner = then[0][1:-1], counted.counts[1:-1]
    return facts, _found(asked, distances.of_counts(method, *inner), shares, asked.by_chance_of(inner))


def _few_numbers(asked: Asked, reference: Any, known: int) -> ColumnDrift:
    """A number with few values, value by value, as Evidently does it."""
    values, times = np.unique(reference, return_counts=True)
    then = {f"{value:g}": int(count) for value, count in zip(values, times, strict=True)}
    return _by_value(asked, then, {f"{value:g}": count for value, count in asked.rows.each(asked.name)}, known)


def _category(asked: Asked) -> tuple[ColumnFacts, ColumnDrift]:
    summary, rows = asked.summary, asked.rows
    then = asked.sample.values(asked.stored, summary.dtype)
    now = rows.values(asked.name, summary.dtype)
    seen = summary.values or then
    facts = ColumnFacts(
        name=asked.name,
        rows=rows.rows,
        dtype=rows.dtype(asked.name),
        missing=now.missing,
        mistyped=now.mistyped,
        unseen=0 if summary.rest else now.known - sum(now.times.get(value, 0) for value in seen),
        distinct=len(now.times),
    )
    if not then or now.known == 0:
        return facts, asked.silent("no value is there" if then else "the reference has no value")
    return facts, _by_value(asked, then, dict(now.times), now.known)


def _by_value(asked: Asked, then: Mapping[str, int], now: dict[str, int], known: int) -> ColumnDrift:
    """Values beyond the most frequent count as one."""
    if rest := known - sum(now.values()):
        now["(other)"] = rest
    names, old, new = distances.by_value(then, now)
    value = distances.of_counts(asked.method, old, new)
    order = sorted(range(len(names)), key=lambda place: -(old[place] + new[place]))
    top, others = order[:DRAWN], order[DRAWN:]
    labels = [names[place] for place in top] + (["(all others)"] if others else [])
    sides = [_top(side, top, others) for side in (old, new)]
    shares = Shares(names=tuple(labels), reference=sides[0], current=sides[1])
    return _found(asked, value, shares, asked.by_chance_of((old, new)))


def _top(side: Any, top: list[int], others: list[int]) -> tuple[float, ...]:
    total = float(side.sum())
    found = [float(side[place]) / total for place in top]
    return tuple(round(item, 6) for item in [*found, *([float(side[others].sum()) / total] if others else [])])


def _drawn(bins: Bins, then: Any, now: Any) -> Shares:
    """A few neighbouring bins together, and the two tails."""
    step = max(1, -(-bins.count // DRAWN))
    edges = bins.edges
    cuts = list(range(0, bins.count, step))
    names = [
        f"below {edges[0]:.4g}",
        *(f"{edges[cut]:.4g} to {edges[min(cut + step, bins.count)]:.4g}" for cut in cuts),
    ]
    sides = []
    for side in (then, now):
        total = float(side.sum())
        inner = [float(side[1 + cut : 1 + min(cut + step, bins.count)].sum()) for cut in cuts]
        sides.append(tuple(round(item / total, 6) for item in [float(side[0]), *inner, float(side[-1])]))
    return Shares(names=(*names, f"above {edges[-1]:.4g}"), reference=sides[0], current=sides[1])


def _found(asked: Asked, value: float, shares: Shares, by_chance: float) -> ColumnDrift:
    value = float(f"{value:.10g}")  # sums by several threads differ in their last digits from run to run
    by_chance = float(f"{by_chance:.4g}")
    limit = max(asked.threshold, by_chance)
    return ColumnDrift(
        name=asked.name,
        kind=asked.summary.kind,
        method=asked.method,
        threshold=limit,
        value=value,
        full=value,
        chance=by_chance,
        drifted=value >= limit,
        shares=shares,
    )
