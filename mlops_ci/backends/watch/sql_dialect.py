"""What databases say differently, of the little that counting a window needs."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Protocol

from mlops_ci.records.reference import CATEGORY, NUMBER, OTHER, TIME

NUMERIC = r"^\s*[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?\s*$"
ISO = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
TRUE, FALSE = "('true', 't', '1')", "('false', 'f', '0')"


def quoted(name: str) -> str:
    """A column's name."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def spelled_boolean(word: str) -> str:
    """A text that means a boolean, as DuckDB spells it."""
    word = f"lower({word})"
    return f"CASE WHEN {word} IN {TRUE} THEN 'true' WHEN {word} IN {FALSE} THEN 'false' END"


class Dialect(Protocol):
    """SQL for a column by its name and its type in the database."""

    booleans_are_numbers: bool

    def spelled(self, name: str) -> str:
        """As text."""

    def types(self, relation: str, names: list[str]) -> str:
        """A query with one row: each column's type."""

    def kind(self, dtype: str) -> str:
        """number, category, time or other."""

    def number(self, name: str, dtype: str) -> str:
        """As a double; null for what is none."""

    def infinite(self, x: str) -> str:
        """Whether a double is."""

    def floor(self, x: str) -> str:
        """Of a double that is not below 0, as a whole number."""

    def asinh(self, x: str) -> str:
        """Of a double."""

    def clock(self, name: str, dtype: str) -> str:
        """A time in seconds since 1970; a time without a zone is UTC."""

    def moment(self, when: float, dtype: str) -> str:
        """Seconds since 1970 in a column's own type, so that an index is of use; '' where there is no such."""

    def is_time(self, name: str, dtype: str) -> str:
        """Whether a value is a time."""


class Postgres:
    """PostgreSQL from 12 on."""

    BEGIN = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "SET TIME ZONE 'UTC'")
    booleans_are_numbers = False
    NUMBERS = ("smallint", "integer", "bigint", "real", "double precision", "numeric")

    def spelled(self, name: str) -> str:
        return f"CAST({quoted(name)} AS TEXT)"

    def types(self, relation: str, names: list[str]) -> str:
        found = ", ".join(f"CAST(pg_typeof(rel.{quoted(name)}) AS TEXT)" for name in names)
        return f"SELECT {found} FROM (SELECT 1) AS one LEFT JOIN {relation} ON true LIMIT 1"  # told of no row, too

    def kind(self, dtype: str) -> str:
        if dtype in self.NUMBERS:
            return NUMBER
        if dtype.startswith(("timestamp", "date", "time")):
            return TIME
        return OTHER if dtype in ("json", "jsonb", "bytea", "uuid") or dtype.endswith("[]") else CATEGORY

    def number(self, name: str, dtype: str) -> str:
        column = quoted(name)
        if dtype in self.NUMBERS:
            return f"CAST({column} AS DOUBLE PRECISION)"
        if dtype == "boolean":
            return f"CAST(CAST({column} AS INTEGER) AS DOUBLE PRECISION)"
        word = f"CAST({column} AS TEXT)"
        return f"CASE WHEN {word} ~ {text(NUMERIC)} THEN CAST({word} AS DOUBLE PRECISION) END"

    def infinite(self, x: str) -> str:
        return f"{x} IN ('Infinity', '-Infinity')"

    def floor(self, x: str) -> str:
        return f"CAST(floor({x}) AS INTEGER)"

    def asinh(self, x: str) -> str:
        return f"asinh({x})"

    def clock(self, name: str, dtype: str) -> str:
        if dtype in self.NUMBERS:
            return f"CAST({quoted(name)} AS DOUBLE PRECISION)"
        kind = "TIMESTAMP" if dtype == "timestamp without time zone" else "TIMESTAMPTZ"
        return f"CAST(EXTRACT(EPOCH FROM CAST({quoted(name)} AS {kind})) AS DOUBLE PRECISION)"

    def moment(self, when: float, dtype: str) -> str:
        shown = datetime.fromtimestamp(when, timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
        kinds = {"timestamp without time zone": "TIMESTAMP", "timestamp with time zone": "TIMESTAMPTZ"}
        return f"CAST({text(shown)} AS {kinds[dtype]})" if dtype in kinds else ""

    def is_time(self, name: str, dtype: str) -> str:
        return "true" if self.kind(dtype) == TIME else f"CAST({quoted(name)} AS TEXT) ~ {text(ISO)}"


class Sqlite:
    """SQLite from 3.25 on. Values have types there, columns have none: a column is what its values are."""

    booleans_are_numbers = True

    def spelled(self, name: str) -> str:
        return f"CAST({quoted(name)} AS TEXT)"

    def types(self, relation: str, names: list[str]) -> str:
        def of(name: str) -> str:
            column = f"typeof({quoted(name)})"
            return (
                f"CASE WHEN max({column} = 'blob') THEN 'blob' WHEN max({column} = 'text') THEN 'text' "
                f"WHEN max({column} IN ('integer', 'real')) THEN 'number' ELSE 'null' END"
            )

        return f"SELECT {', '.join(map(of, names))} FROM {relation}"

    def kind(self, dtype: str) -> str:
        return {"number": NUMBER, "text": CATEGORY}.get(dtype, OTHER)

    def number(self, name: str, dtype: str) -> str:
        column = quoted(name)
        return f"CASE WHEN typeof({column}) IN ('integer', 'real') THEN CAST({column} AS REAL) END"

    def infinite(self, x: str) -> str:
        return f"abs({x}) = 9e999"

    def floor(self, x: str) -> str:
        return f"CAST({x} AS INTEGER)"

    def asinh(self, x: str) -> str:
        return f"mlops_ci_asinh({x})"

    def clock(self, name: str, dtype: str) -> str:
        column = quoted(name)
        seconds = f"CAST(strftime('%s', {column}) AS REAL)"
        return f"CASE WHEN typeof({column}) = 'text' THEN {seconds} ELSE CAST({column} AS REAL) END"

    def moment(self, when: float, dtype: str) -> str:
        return ""

    def is_time(self, name: str, dtype: str) -> str:
        return f"julianday({quoted(name)}) IS NOT NULL"
