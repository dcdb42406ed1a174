"""The rows of a window in DuckDB, counted column by column: one that is not asked for is not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_ci.backends.watch import duck
from mlops_ci.backends.watch.window_rows import MOST_VALUES, Counted, Numbers, Values, WindowRows
from mlops_ci.evaluation.distances import Bins
from mlops_ci.records.reference import CATEGORY

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TELLING, SOME = ("DOUBLE", "FLOAT", "BIGINT", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"), 4  # types that tell rows apart
LOOKED_AT = 250_000  # rows that repeated ones are looked for in; of more, as large a part by the rows' own hashes


@dataclass(frozen=True, kw_only=True)
class DuckRows:
    """A relation. `clock` is the time of a row in SQL, in seconds since 1970; '' where rows have none. Keeps the
    WindowRows port."""

    connection: DuckDBPyConnection
    relation: str
    clock: str = ""

    @cached_property
    def dtypes(self) -> Mapping[str, str]:
        """column → type."""
        return duck.columns_of(self.connection, self.relation)

    @property
    def names(self) -> Sequence[str]:
        return list(self.dtypes)

    def dtype(self, name: str) -> str:
        return self.dtypes.get(name, "")

    def kind(self, name: str) -> str:
        return duck.kind_of(self.dtypes[name])

    @cached_property
    def rows(self) -> int:
        return int(duck.one(self.connection, f"SELECT count(*) FROM {self.relation}")[0])

    def _number(self, name: str) -> str:
        return duck.number(name, self.dtypes[name])

    def numbers(self, names: Sequence[str]) -> Mapping[str, Numbers]:
        """Of a whole file DuckDB knows these without reading the column. NaN is the greatest number to it."""
        found = self._asked(
            names, lambda name, x: (f"count({duck.quoted(name)})", f"count({x})", f"min({x})", f"max({x})")
        )
        strange = [name for name, (*_, low, high) in found.items() if high is not None and not _plain(low, high)]
        apart = self._asked(
            strange,
            lambda name, x: (
                f"count_if(isnan({x}))",
                f"count_if(isinf({x}))",
                f"min({x}) FILTER (isfinite({x}))",
                f"max({x}) FILTER (isfinite({x}))",
            ),
        )
        return {name: self._numbers(*found[name], *apart.get(name, (0, 0, *found[name][2:]))) for name in names}

    def _asked(self, names: Sequence[str], ask: Any) -> dict[str, tuple[Any, ...]]:
        """Four aggregates of each column."""
        if not names:
            return {}
        wanted = [part for name in names for part in ask(name, self._number(name))]
        row = duck.one(self.connection, f"SELECT {', '.join(wanted)} FROM {self.relation}")
        return {name: row[4 * place : 4 * place + 4] for place, name in enumerate(names)}

    def _numbers(self, there: int, read: int, _: Any, __: Any, nan: int, infinite: int, low: Any, high: Any) -> Numbers:
        return Numbers(
            finite=int(read) - int(nan) - int(infinite),
            low=low,
            high=high,
            missing=self.rows - int(there) + int(nan),
            mistyped=int(there) - int(read),
            infinite=int(infinite),
        )

    def counted(self, name: str, bins: Bins, known: Numbers, limits: tuple[float, float]) -> Counted:
        """A cast that fails is the cheapest test of all: what is no number, infinite or far away has no bin."""
        low, high = limits
        assert known.low is not None
        assert known.high is not None
        exceeds = known.low < low or known.high > high
        outside = f"count_if(x < '{low!r}'::DOUBLE OR x > '{high!r}'::DOUBLE)" if exceeds else "0"
        source = f"(SELECT {self._number(name)} AS x FROM {self.relation})"
        query = f"SELECT b, count(*), sum(x), {outside} FROM (SELECT x, {_place(bins)} AS b FROM {source}) GROUP BY b"
        counts, sums = np.zeros(bins.count + 2), np.zeros(bins.count + 2)
        beyond = 0
        top = bins.count if known.high > bins.high else bins.count - 1  # the top edge belongs to the last bin
        for place, count, total, out in self.connection.execute(query).fetchall():
            if place is not None:
                beyond += int(out)
                self._add(counts, sums, min(max(int(place), -1), top), count, total)
        if counts.sum() < known.finite:
            for place, count, total, out in self._far(source, bins, outside):
                beyond += out
                self._add(counts, sums, place, count, total)
        return Counted(counts=counts, sums=sums, outside=beyond)

    @staticmethod
    def _add(counts: Any, sums: Any, place: int, count: int, total: float) -> None:
        counts[place + 1] += count
        sums[place + 1] += total

    def _far(self, source: str, bins: Bins, outside: str) -> Iterator[tuple[int, int, float, int]]:
        """Finite numbers that are too far for a bin of their own."""
        query = (
            f"SELECT x > {float(bins.edges[-1])!r}::DOUBLE AS above, count(*), sum(x), {outside} FROM {source} "
            f"WHERE isfinite(x) AND {_place(bins)} IS NULL GROUP BY above"
        )
        for above, count, total, out in self.connection.execute(query).fetchall():
            yield bins.count if above else -1, int(count), float(total), int(out)

    def each(self, name: str) -> Sequence[tuple[float, int]]:
        found = self.connection.execute(
            f"SELECT x, count(*) AS n FROM (SELECT {self._number(name)} AS x FROM {self.relation}) WHERE isfinite(x) "
            f"GROUP BY x ORDER BY n DESC, x LIMIT {MOST_VALUES}"
        ).fetchall()
        return [(float(value), int(count)) for value, count in found]

    def values(self, name: str, reference: str) -> Values:
        """The group of what has no spelling comes first, whatever is cut off."""
        spelled = duck.category(name, self.dtypes[name], reference)
        found = self.connection.execute(
            f"SELECT v, count(*) AS n, count(raw) FROM (SELECT {spelled} AS v, {duck.quoted(name)} AS raw "
            f"FROM {self.relation}) GROUP BY v ORDER BY v IS NOT NULL, n DESC, v LIMIT {MOST_VALUES + 1}"
        ).fetchall()
        lost = next(((int(count), int(raw)) for value, count, raw in found if value is None), (0, 0))
        known = self.rows - lost[0]
        times = {str(value): int(count) for value, count, _ in found if value is not None}
        return Values(
            times=dict(list(times.items())[:MOST_VALUES]),
            known=known,
            missing=lost[0] - lost[1],
            mistyped=known if self.kind(name) != CATEGORY else lost[1],
        )

    def plain(self, name: str, *, time: bool) -> tuple[int, int]:
        column = duck.quoted(name)
        known = f"TRY_CAST({column} AS TIMESTAMP)" if time else column
        there, fits = duck.one(self.connection, f"SELECT count({column}), count({known}) FROM {self.relation}")
        return self.rows - there, there - fits

    def newest(self) -> str:
        if not self.clock:
            return ""
        found = duck.one(self.connection, f"SELECT max({self.clock}) FROM {self.relation}")[0]
        return "" if found is None else duck.iso(float(found))

    def duplicates(self) -> float | None:
        """Rows that differ in some columns need not be looked at in all."""
        if not self.rows or not self.dtypes:
            return None
        some = [name for name, dtype in self.dtypes.items() if dtype in TELLING][:SOME]
        return self._repeated(list(self.dtypes)) if not some or self._repeated(some) else 0.0

    def _repeated(self, names: Sequence[str]) -> float:
        """Alike rows have alike hashes, so that a part of all hashes has all copies of its rows, or none."""
        part = min(1.0, LOOKED_AT / self.rows)
        where = f" WHERE h < {int(part * 2**64)}::UBIGINT" if part < 1 else ""
        key = f"SELECT hash({', '.join(map(duck.quoted, names))}) AS h FROM {self.relation}"
        count, distinct = duck.one(self.connection, f"SELECT count(*), count(DISTINCT h) FROM ({key}){where}")
        return float(1 - distinct / count) if count else 0.0

    def of_model(self, column: str, digest: str) -> WindowRows:
        where = f"{duck.quoted(column)} = {duck.text(digest)}"
        return replace(self, relation=f"(SELECT * FROM {self.relation} WHERE {where})")


def _plain(low: float, high: float) -> bool:
    return bool(np.isfinite(low) and np.isfinite(high))


def _place(bins: Bins) -> str:
    """A value's bin in SQL, as Bins.place has it, but for what lies beyond the ends."""
    low = f"{bins.low!r}::DOUBLE"
    x = f"asinh((x - {bins.centre!r}::DOUBLE) / {bins.scale!r}::DOUBLE)" if bins.scale else "x"
    if bins.width <= 0:
        return (
            f"CASE WHEN x IS NULL OR NOT isfinite(x) THEN NULL WHEN {x} < {low} THEN -1 "
            f"WHEN {x} > {low} THEN {bins.count} ELSE 0 END"
        )
    return f"TRY_CAST(floor(({x} - {low}) / {bins.width!r}::DOUBLE) AS SMALLINT)"
