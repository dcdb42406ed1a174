"""What Spark says differently, of the little that counting a window needs."""

from __future__ import annotations

from datetime import datetime, timezone

from mlops_ci.backends.watch.sql_dialect import quoted, text
from mlops_ci.records.reference import CATEGORY, NUMBER, OTHER, TIME

NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
TIMES = ("timestamp", "timestamp_ntz", "date")


class Spark:
    """Spark SQL 4 with its ANSI rules, names in double quotes and UTC. Keeps the Dialect port."""

    booleans_are_numbers = False

    def __init__(self, dtypes: dict[str, str]) -> None:
        self.dtypes = dtypes

    def spelled(self, name: str) -> str:
        return f"CAST({quoted(name)} AS STRING)"

    def types(self, relation: str, names: list[str]) -> str:
        """They are known, so that no row is looked at."""
        return f"SELECT {', '.join(text(self.dtypes[name]) for name in names)}"

    def kind(self, dtype: str) -> str:
        word = dtype.partition("(")[0]
        if word in NUMBERS:
            return NUMBER
        return TIME if word in TIMES else CATEGORY if word in ("string", "boolean", "varchar", "char") else OTHER

    def number(self, name: str, dtype: str) -> str:
        column = quoted(name)
        if self.kind(dtype) == NUMBER:
            return f"CAST({column} AS DOUBLE)"
        if dtype == "boolean":
            return f"CAST(CAST({column} AS INT) AS DOUBLE)"
        return f"TRY_CAST({column} AS DOUBLE)" if self.kind(dtype) == CATEGORY else "CAST(NULL AS DOUBLE)"

    def infinite(self, x: str) -> str:
        return f"{x} IN (DOUBLE('Infinity'), DOUBLE('-Infinity'))"

    def floor(self, x: str) -> str:
        return f"CAST(floor({x}) AS INT)"

    def asinh(self, x: str) -> str:
        return f"asinh({x})"

    def clock(self, name: str, dtype: str) -> str:
        if self.kind(dtype) == NUMBER:
            return f"CAST({quoted(name)} AS DOUBLE)"
        word = "TRY_CAST" if self.kind(dtype) == CATEGORY else "CAST"
        return f"CAST({word}({quoted(name)} AS TIMESTAMP) AS DOUBLE)"

    def moment(self, when: float, dtype: str) -> str:
        shown = datetime.fromtimestamp(when, timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
        return f"{dtype.upper()} {text(shown)}" if dtype in TIMES[:2] else ""

    def is_time(self, name: str, dtype: str) -> str:
        return "true" if self.kind(dtype) == TIME else f"TRY_CAST({quoted(name)} AS TIMESTAMP) IS NOT NULL"
