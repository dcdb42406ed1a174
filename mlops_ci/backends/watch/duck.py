"""DuckDB as the engine for all rows: a connection that keeps within its memory, and Parquet files as one relation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_ci.errors import DataError, MissingExtra
from mlops_ci.records.reference import CATEGORY, NUMBER, OTHER, TIME

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY = "1GB"  # what is more goes to disk
FILE, ROW = "mlops_ci_file", "mlops_ci_row"  # a row's file, by place from 1, and its place in it
NUMBERS: tuple[str, ...] = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
NUMBERS += ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "REAL")
TIMES = ("TIMESTAMP", "DATE", "TIME")


@contextmanager
def connected(spill: Path) -> Iterator[DuckDBPyConnection]:
    """A connection in memory that writes to `spill` what does not fit. Raises DataError for what DuckDB refuses."""
    try:
        import duckdb
    except ModuleNotFoundError:
        raise MissingExtra("drift", "DuckDB") from None
    settings: dict[str, Any] = {
        "memory_limit": MEMORY,
        "temp_directory": str(spill),
        "preserve_insertion_order": "false",
    }
    connection = duckdb.connect(config=settings)
    try:
        connection.execute("SET TimeZone = 'UTC'").fetchall()  # else days are those of wherever this machine is
        connection.execute("SET enable_progress_bar = false").fetchall()  # it would be written among our own words
        yield connection
    except duckdb.Error as error:
        raise DataError(f"the rows can't be read: {first_line(error)}") from None
    finally:
        connection.close()


def first_line(error: Exception) -> str:
    """What DuckDB says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def parquet(paths: Sequence[str]) -> str:
    """Files as one relation, in which FILE and ROW say where a row is."""
    names = f"[{', '.join(text(path) for path in paths)}]"
    options = "union_by_name=true, hive_partitioning=false, filename='mlops_ci_path', file_row_number=true"
    place = f"list_position({names}, mlops_ci_path)" if len(paths) > 1 else "1"
    head = f"* EXCLUDE (mlops_ci_path, file_row_number), {place} AS {FILE}, file_row_number AS {ROW}"
    return f"(SELECT {head} FROM read_parquet({names}, {options}))"


def columns_of(connection: DuckDBPyConnection, relation: str) -> dict[str, str]:
    """column → DuckDB's type."""
    found = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {str(row[0]): str(row[1]) for row in found if row[0] not in (FILE, ROW)}


def kind_of(dtype: str) -> str:
    """number, category, time or other, of DuckDB's type."""
    if dtype.endswith("]"):
        return OTHER
    word = dtype.partition("(")[0]
    if word in NUMBERS:
        return NUMBER
    if word in ("VARCHAR", "BOOLEAN", "ENUM"):
        return CATEGORY
    return TIME if word.startswith(TIMES) else OTHER


def number(name: str, dtype: str) -> str:
    """A column as a double; what is no number is null."""
    if kind_of(dtype) == NUMBER:
        return f"CAST({quoted(name)} AS DOUBLE)"
    return f"TRY_CAST({quoted(name)} AS DOUBLE)"


def category(name: str, dtype: str, reference: str) -> str:
    """A column as text, spelled as the reference spells it."""
    if reference == "BOOLEAN" and dtype != "BOOLEAN":
        return f"CAST(TRY_CAST({quoted(name)} AS BOOLEAN) AS VARCHAR)"
    return f"CAST({quoted(name)} AS VARCHAR)"


def drawn(relation: str, *, rows: int, most: int, seed: int) -> str:
    """A relation of at most `most` of `rows` rows: the same ones whenever it is asked, wherever the files lie."""
    chance = f"hash({FILE}, {ROW}, {int(seed)})"
    if rows <= most:
        return f"(SELECT * FROM {relation} ORDER BY {FILE}, {ROW})"
    bound = int((most + 6 * most**0.5) / rows * 2**64)
    some = f"SELECT * FROM {relation} WHERE {chance} < {min(bound, 2**64 - 1)}::UBIGINT"
    return f"(SELECT * FROM ({some}) ORDER BY {chance} LIMIT {most})"


def iso(when: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(when, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def one(connection: DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The only row of an answer."""
    (row,) = connection.execute(query).fetchall()  # DuckDB 2 wants a result read to its end
    return tuple(row)
