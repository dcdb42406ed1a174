"""The rows of a window in a database, counted there: no row leaves it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mlops_ci.backends.watch import duck
from mlops_ci.backends.watch.sql_dialect import Dialect, quoted, spelled_boolean, text
from mlops_ci.backends.watch.window_rows import MOST_VALUES, Counted, Numbers, Values, WindowRows
from mlops_ci.evaluation.distances import Bins
from mlops_ci.records.reference import CATEGORY, NUMBER, OTHER, TIME

AT_ONCE = 100  # columns in one query
GREATEST = repr(float(np.finfo(np.float64).max))
FINITE = f"x BETWEEN -{GREATEST} AND {GREATEST}"  # to PostgreSQL NaN is greater than all others


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a query gives."""

    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def literal(query: str) -> str:
    """For SQLAlchemy, which would take what follows a colon for a parameter."""
    return query.replace(":", r"\:")


@dataclass(frozen=True, kw_only=True)
class SqlRows:
    """`ask` answers a query; `body` is a table or a query in parentheses, `where` a condition. Keeps the WindowRows
    port."""

    ask: Callable[[str], Answer]
    dialect: Dialect
    body: str
    time: str
    where: str = ""

    @property
    def relation(self) -> str:
        """The rows, as a FROM clause has them."""
        where = f" WHERE {self.where}" if self.where else ""
        return f"(SELECT data.* FROM {self.body} AS data{where}) AS rel"

    def asked(self, query: str) -> list[Any]:
        """The answer's rows."""
        return self.ask(query).rows

    @cached_property
    def dtypes(self) -> Mapping[str, str]:
        """column → type in the database."""
        names = list(self.ask(f"SELECT * FROM {self.relation} LIMIT 0").names)
        found: dict[str, str] = {}
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            found.update(zip(some, self.asked(self.dialect.types(self.relation, some))[0], strict=True))
        return found

    @property
    def names(self) -> Sequence[str]:
        return list(self.dtypes)

    def dtype(self, name: str) -> str:
        return self.dtypes.get(name, "")

    def kind(self, name: str) -> str:
        return self.dialect.kind(self.dtypes[name])

    @cached_property
    def rows(self) -> int:
        return int(self.asked(f"SELECT count(*) FROM {self.relation}")[0][0])

    @property
    def clock(self) -> str:
        """The time of a row in seconds since 1970; '' where rows have none."""
        return self.dialect.clock(self.time, self.dtypes[self.time]) if self.time in self.dtypes else ""

    def _number(self, name: str) -> str:
        return self.dialect.number(name, self.dtypes[name])

    def numbers(self, names: Sequence[str]) -> Mapping[str, Numbers]:
        found: dict[str, Numbers] = {}
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            wanted = [part for name in some for part in self._told(name)]
            row = self.asked(f"SELECT {', '.join(wanted)} FROM {self.relation}")[0]
            for place, name in enumerate(some):
                there, read, finite, infinite, low, high = row[6 * place : 6 * place + 6]
                found[name] = Numbers(
                    finite=int(finite),
                    low=None if low is None else float(low),
                    high=None if high is None else float(high),
                    missing=self.rows - int(there) + int(read) - int(finite) - int(infinite),
                    mistyped=int(there) - int(read),
                    infinite=int(infinite),
                )
        return found

    def _told(self, name: str) -> list[str]:
        x = self._number(name)
        finite = FINITE.replace("x", f"({x})", 1)
        return [
            f"count({quoted(name)})",
            f"count({x})",
            f"count(CASE WHEN {finite} THEN 1 END)",
            f"count(CASE WHEN {self.dialect.infinite(f'({x})')} THEN 1 END)",
            f"min(CASE WHEN {finite} THEN {x} END)",
            f"max(CASE WHEN {finite} THEN {x} END)",
        ]

    def _finite(self, name: str) -> str:
        return f"(SELECT x FROM (SELECT {self._number(name)} AS x FROM {self.relation}) AS raw WHERE {FINITE}) AS num"

    def counted(self, name: str, bins: Bins, known: Numbers, limits: tuple[float, float]) -> Counted:
        assert known.high is not None
        beyond = [f"x {sign} ({end!r})" for sign, end in zip("<>", limits, strict=True) if math.isfinite(end)]
        outside = f"CASE WHEN {' OR '.join(beyond)} THEN 1 ELSE 0 END" if beyond else "0"
        placed = f"(SELECT x, {self._place(bins)} AS b, {outside} AS o FROM {self._finite(name)}) AS placed"
        counts, sums = np.zeros(bins.count + 2), np.zeros(bins.count + 2)
        top = bins.count if known.high > bins.high else bins.count - 1  # the top edge belongs to the last bin
        out = 0
        for place, count, total, others in self.asked(f"SELECT b, count(*), sum(x), sum(o) FROM {placed} GROUP BY b"):
            at = min(max(int(place), -1), top) + 1
            counts[at] += int(count)
            sums[at] += float(total)
            out += int(others)
        return Counted(counts=counts, sums=sums, outside=out)

    def _place(self, bins: Bins) -> str:
        """A value's bin, as Bins.place has it."""
        x = self.dialect.asinh(f"((x - ({bins.centre!r})) / ({bins.scale!r}))") if bins.scale else "x"
        low, high = f"({bins.low!r})", f"({bins.high!r})"
        inner = self.dialect.floor(f"({x} - {low}) / ({bins.width!r})") if bins.width > 0 else "0"
        return f"CASE WHEN {x} < {low} THEN -1 WHEN {x} > {high} THEN {bins.count} ELSE {inner} END"

    def each(self, name: str) -> Sequence[tuple[float, int]]:
        query = f"SELECT x, count(*) AS n FROM {self._finite(name)} GROUP BY x ORDER BY n DESC, x LIMIT {MOST_VALUES}"
        return [(float(value), int(count)) for value, count in self.asked(query)]

    def values(self, name: str, reference: str) -> Values:
        """The group of what has no spelling comes first, whatever is cut off."""
        column, dtype = quoted(name), self.dtypes[name]
        boolean = reference == "BOOLEAN"
        word = self.dialect.spelled(name)
        spelled = spelled_boolean(word) if boolean and dtype != "boolean" else word
        fits = self.kind(name) == CATEGORY or (boolean and self.dialect.booleans_are_numbers)
        found = self.asked(
            f"SELECT v, count(*) AS n, count(raw) FROM (SELECT {spelled} AS v, {column} AS raw FROM {self.relation}) "
            f"AS said GROUP BY v ORDER BY CASE WHEN v IS NULL THEN 0 ELSE 1 END, n DESC, v LIMIT {MOST_VALUES + 1}"
        )
        lost = next(((int(count), int(raw)) for value, count, raw in found if value is None), (0, 0))
        times = [(str(value), int(count)) for value, count, _ in found if value is not None]
        known = self.rows - lost[0]
        return Values(
            times=dict(times[:MOST_VALUES]),
            known=known,
            missing=lost[0] - lost[1],
            mistyped=lost[1] if fits else known,
        )

    def plain(self, name: str, *, time: bool) -> tuple[int, int]:
        column = quoted(name)
        fits = self.dialect.is_time(name, self.dtypes[name]) if time else "1 = 1"
        (row,) = self.asked(f"SELECT count({column}), count(CASE WHEN {fits} THEN {column} END) FROM {self.relation}")
        return self.rows - int(row[0]), int(row[0]) - int(row[1])

    def newest(self) -> str:
        if not self.clock:
            return ""
        found = self.asked(f"SELECT max({self.clock}) FROM {self.relation}")[0][0]
        return "" if found is None else duck.iso(float(found))

    def duplicates(self) -> float | None:
        """What can't be compared, as JSON, is compared as text."""
        if not self.rows:
            return None
        plain = (NUMBER, CATEGORY, TIME)
        columns = [quoted(name) if self.kind(name) in plain else self.dialect.spelled(name) for name in self.names]
        distinct = f"SELECT DISTINCT {', '.join(columns)} FROM {self.relation}"
        return 1 - int(self.asked(f"SELECT count(*) FROM ({distinct}) AS different")[0][0]) / self.rows

    def of_model(self, column: str, digest: str) -> WindowRows:
        return self.only(f"data.{quoted(column)} = {text(digest)}")

    def only(self, condition: str) -> SqlRows:
        """Those that keep to one more condition."""
        return replace(self, where=f"({self.where}) AND {condition}" if self.where else condition)

    def drawn(self, names: Sequence[str], *, most: int, seed: int) -> str:
        """A query for at most `most` rows, spread evenly over time: the same ones whenever it is asked, for it goes by
        what the rows are."""
        columns = ", ".join(map(quoted, names))
        if self.rows <= most:
            return f"SELECT {columns} FROM {self.relation}"
        ordered = [quoted(name) for name in names if self.kind(name) != OTHER]
        order = ", ".join([*([self.clock] if self.clock else []), *ordered])
        bound = int(most / self.rows * 2**32)
        placed = f"SELECT {columns}, row_number() OVER (ORDER BY {order}) AS mlops_ci_place FROM {self.relation}"
        start = seed * 1103515245 % 2**32
        chance = f"(mlops_ci_place * 2654435761 + {start}) % 4294967296"  # Knuth's multiplicative hash
        return f"SELECT {columns} FROM ({placed}) AS placed WHERE {chance} < {bound} LIMIT {most}"
