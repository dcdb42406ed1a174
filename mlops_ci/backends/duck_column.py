"""One column of a window against the reference's sample, on all rows, by DuckDB: facts, and a distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_ci.backends import duck
from mlops_ci.evaluation import distances
from mlops_ci.evaluation.distances import Bins
from mlops_ci.records.drift import ColumnDrift, ColumnFacts, Shares
from mlops_ci.records.reference import CATEGORY, NUMBER, TIME, ColumnSummary

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MISSING, MISTYPED, INFINITE = -10, -11, -12  # places of values that are in no bin
MOST_VALUES = 2_000  # of a category that are looked at one by one
DRAWN = 12  # parts that a report shows


@dataclass(frozen=True, kw_only=True)
class Column:
    """What is asked. `dtype` is '' of a column that is not there; `sample` a relation of the reference's values."""

    connection: DuckDBPyConnection
    relation: str
    name: str
    dtype: str
    rows: int
    summary: ColumnSummary
    sample: str

    @property
    def number(self) -> str:
        """As a double, in SQL."""
        return duck.number(self.name, self.dtype)

    def values(self) -> Any:
        """(n,) finite values of the reference's sample."""
        asked = f"SELECT {duck.number(self.name, self.summary.dtype)} AS x FROM {self.sample} WHERE isfinite(x)"
        return self.connection.execute(asked).fetchnumpy()["x"].astype("float64")


def compare(column: Column, method: str, threshold: float) -> tuple[ColumnFacts, ColumnDrift]:
    """Facts and distance of one column; a distance that there is not has its reason."""
    kind = column.summary.kind
    if not column.dtype:
        facts = ColumnFacts(name=column.name, rows=column.rows, there=False)
        return facts, _silent(column, method, threshold, "the column is not there")
    if kind == NUMBER:
        return _number(column, method, threshold)
    if kind == CATEGORY:
        return _category(column, method, threshold)
    missing, mistyped = _plain_facts(column)
    facts = ColumnFacts(name=column.name, rows=column.rows, dtype=column.dtype, missing=missing, mistyped=mistyped)
    why = "a time has no distribution to compare" if kind == TIME else "its values are names of rows, or none"
    return facts, _silent(column, method, threshold, why)


def _silent(column: Column, method: str, threshold: float, reason: str) -> ColumnDrift:
    return ColumnDrift(name=column.name, kind=column.summary.kind, method=method, threshold=threshold, reason=reason)


def _plain_facts(column: Column) -> tuple[int, int]:
    """(missing, mistyped) of a column that is not compared."""
    name = duck.quoted(column.name)
    known = f"TRY_CAST({name} AS TIMESTAMP)" if column.summary.kind == TIME else name
    there, fits = duck.one(column.connection, f"SELECT count({name}), count({known}) FROM {column.relation}")
    return column.rows - there, there - fits


def _number(column: Column, method: str, threshold: float) -> tuple[ColumnFacts, ColumnDrift]:
    reference = column.values()
    if len(reference) == 0:
        missing, mistyped = _plain_facts(column)
        facts = ColumnFacts(name=column.name, rows=column.rows, dtype=column.dtype, missing=missing, mistyped=mistyped)
        return facts, _silent(column, method, threshold, "the reference has no value")
    if method != "wasserstein" and len(np.unique(reference)) <= distances.FEW_VALUES:
        return _few_numbers(column, reference, method, threshold)
    bins = distances.fine(reference)
    if method != "wasserstein":
        low, high, count = duck.one(
            column.connection,
            f"SELECT min(x), max(x), count(x) FROM (SELECT {column.number} AS x FROM {column.relation}) "
            "WHERE isfinite(x)",
        )
        if count:
            ends = (min(low, float(reference.min())), max(high, float(reference.max())))
            bins = distances.sturges(*ends, count + len(reference))
    counted = _binned(column, bins)
    facts = counted.facts
    if counted.known == 0:
        return facts, _silent(column, method, threshold, "no value is there")
    then = bins.of(reference)
    if method == "wasserstein":
        value = distances.wasserstein(then, (counted.counts, counted.sums), bins, float(np.std(reference)))
    else:
        value = distances.of_counts(method, then[0][1:-1], counted.counts[1:-1])
    return facts, _found(column, method, threshold, value, _drawn(bins, then[0], counted.counts))


@dataclass(frozen=True, kw_only=True)
class Binned:
    """`counts` and `sums` (bins + 2,), the part below first."""

    counts: Any
    sums: Any
    facts: ColumnFacts

    @property
    def known(self) -> int:
        """Finite values."""
        return int(self.counts.sum())


def _place(bins: Bins) -> str:
    """A value's bin in SQL, as Bins.place has it."""
    low, high, top = f"{bins.low!r}::DOUBLE", f"{bins.high!r}::DOUBLE", bins.count
    x = f"asinh((x - {bins.centre!r}::DOUBLE) / {bins.scale!r}::DOUBLE)" if bins.scale else "x"
    if bins.width <= 0:
        return f"CASE WHEN {x} < {low} THEN -1 WHEN {x} > {low} THEN {top} ELSE 0 END"
    inner = f"CAST(least(floor(({x} - {low}) / {bins.width!r}::DOUBLE), {top - 1}) AS INTEGER)"
    return f"CASE WHEN {x} < {low} THEN -1 WHEN {x} > {high} THEN {top} ELSE {inner} END"


def _binned(column: Column, bins: Bins) -> Binned:
    """One pass: bins, sums, extremes, and what is no number."""
    name, summary = duck.quoted(column.name), column.summary
    low = "-inf" if summary.low is None else repr(summary.low)
    high = "inf" if summary.high is None else repr(summary.high)
    lost = f"CASE WHEN raw IS NULL THEN {MISSING} ELSE {MISTYPED} END"
    special = f"WHEN x IS NULL THEN {lost} WHEN isnan(x) THEN {MISSING} WHEN isinf(x) THEN {INFINITE}"
    query = (
        f"SELECT b, count(*), sum(x), min(x), max(x), count_if(x < '{low}'::DOUBLE OR x > '{high}'::DOUBLE) FROM "
        f"(SELECT x, CASE {special} ELSE {_place(bins)} END AS b FROM "
        f"(SELECT {column.number} AS x, {name} AS raw FROM {column.relation})) GROUP BY b"
    )
    counts, sums = np.zeros(bins.count + 2), np.zeros(bins.count + 2)
    apart = dict.fromkeys((MISSING, MISTYPED, INFINITE), 0)
    ends: list[float] = []
    outside = 0
    for place, count, total, least, most, beyond in column.connection.execute(query).fetchall():
        if place in apart:
            apart[place] = int(count)
            continue
        counts[place + 1], sums[place + 1] = count, total
        ends += [least, most]
        outside += int(beyond)
    facts = ColumnFacts(
        name=column.name,
        rows=column.rows,
        dtype=column.dtype,
        missing=apart[MISSING],
        mistyped=apart[MISTYPED],
        infinite=apart[INFINITE],
        outside=outside,
        low=min(ends) if ends else None,
        high=max(ends) if ends else None,
    )
    return Binned(counts=counts, sums=sums, facts=facts)


def _few_numbers(column: Column, reference: Any, method: str, threshold: float) -> tuple[ColumnFacts, ColumnDrift]:
    """A number with few values, value by value, as Evidently does it."""
    values, times = np.unique(reference, return_counts=True)
    then = {f"{value:g}": int(count) for value, count in zip(values, times, strict=True)}
    counted = _binned(column, distances.fine(reference))
    if counted.known == 0:
        return counted.facts, _silent(column, method, threshold, "no value is there")
    found = column.connection.execute(
        f"SELECT x, count(*) AS n FROM (SELECT {column.number} AS x FROM {column.relation}) WHERE isfinite(x) "
        f"GROUP BY x ORDER BY n DESC, x LIMIT {MOST_VALUES}"
    ).fetchall()
    now = {f"{value:g}": int(count) for value, count in found}
    return counted.facts, _by_value(column, method, threshold, then, now, counted.known)


def _category(column: Column, method: str, threshold: float) -> tuple[ColumnFacts, ColumnDrift]:
    kind = column.summary.dtype
    then = dict(_times(column.connection, column.sample, duck.category(column.name, kind, kind)))
    spelled = duck.category(column.name, column.dtype, kind)
    now = dict(_times(column.connection, column.relation, spelled))
    known, missing = duck.one(
        column.connection,
        f"SELECT count({spelled}), count(*) - count({duck.quoted(column.name)}) FROM {column.relation}",
    )
    other_kind = duck.kind_of(column.dtype) != CATEGORY
    seen = column.summary.values or then
    facts = ColumnFacts(
        name=column.name,
        rows=column.rows,
        dtype=column.dtype,
        missing=int(missing),
        mistyped=int(known) if other_kind else column.rows - int(missing) - int(known),
        unseen=0 if column.summary.rest else int(known) - sum(now.get(value, 0) for value in seen),
        distinct=len(now),
    )
    if not then or known == 0:
        return facts, _silent(column, method, threshold, "no value is there" if then else "the reference has no value")
    return facts, _by_value(column, method, threshold, then, now, int(known))


def _times(connection: DuckDBPyConnection, relation: str, spelled: str) -> list[tuple[str, int]]:
    """(value, how often), the most frequent first."""
    found = connection.execute(
        f"SELECT {spelled} AS v, count(*) AS n FROM {relation} WHERE v IS NOT NULL "
        f"GROUP BY v ORDER BY n DESC, v LIMIT {MOST_VALUES}"
    ).fetchall()
    return [(str(value), int(count)) for value, count in found]


def _by_value(
    column: Column, method: str, threshold: float, then: Mapping[str, int], now: dict[str, int], known: int
) -> ColumnDrift:
    """Values beyond the most frequent count as one."""
    if rest := known - sum(now.values()):
        now["(other)"] = rest
    names, old, new = distances.by_value(then, now)
    value = distances.of_counts(method, old, new)
    order = sorted(range(len(names)), key=lambda place: -(old[place] + new[place]))
    top, others = order[:DRAWN], order[DRAWN:]
    labels = [names[place] for place in top] + (["(all others)"] if others else [])
    sides = [_top(side, top, others) for side in (old, new)]
    shares = Shares(names=tuple(labels), reference=sides[0], current=sides[1])
    return _found(column, method, threshold, value, shares)


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


def _found(column: Column, method: str, threshold: float, value: float, shares: Shares) -> ColumnDrift:
    value = float(f"{value:.10g}")  # sums by several threads differ in their last digits from run to run
    return ColumnDrift(
        name=column.name,
        kind=column.summary.kind,
        method=method,
        threshold=threshold,
        value=value,
        full=value,
        drifted=value >= threshold,
        shares=shares,
    )
