"""Training data, summarised over all rows and sampled, by DuckDB."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_ci.backends.scoring import row_hash
from mlops_ci.backends.watch import duck
from mlops_ci.errors import DataError
from mlops_ci.ports.drift import Summary
from mlops_ci.records.reference import CATEGORY, LIKELY, NUMBER, OTHER, PREDICTED, ColumnSummary

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CLASSES = b"mlops_ci.classes"  # what the answers' notes call the classes, in the order of p0, p1, …
MOST_VALUES = 2_000  # of a category that are kept
IDENTIFIER = 0.1  # from this share of different values on a text is a name of rows
PARTS = 10


class DuckTrainingData:
    """Keeps the TrainingData port."""

    def summarise(self, data: Sequence[Path], *, sample: Path, rows: int, seed: int) -> Summary:
        """Parquet as it lies; a CSV through pandas, which decides a column's type when it has seen all of it."""
        with duck.connected(sample.parent / "spill") as connection:
            paths = [str(self._parquet(path, sample.parent)) for path in data]
            relation = duck.parquet(paths)
            dtypes = duck.columns_of(connection, relation)
            if not dtypes:
                raise DataError("the training data has no columns")
            count, distinct = duck.one(connection, f"SELECT count(*), count(DISTINCT {_hash(dtypes)}) FROM {relation}")
            if not count:
                raise DataError("the training data has no rows")
            chosen = ", ".join(map(duck.quoted, dtypes))
            drawn = duck.drawn(relation, rows=count, most=rows, seed=seed)
            connection.execute(
                f"COPY (SELECT {chosen} FROM {drawn}) TO {duck.text(str(sample))} (FORMAT parquet)"
            ).fetchall()
            columns = tuple(_column(connection, relation, name, kind, count) for name, kind in dtypes.items())
        return Summary(rows=count, duplicates=1 - distinct / count, columns=columns)

    def keep(
        self,
        sample: Path,
        answers: Path,
        *,
        columns: Sequence[str],
        predictions: Sequence[str],
        positive: str,
        into: Path,
    ) -> int:
        """Sample and answers side by side."""
        from pyarrow import parquet

        rows = parquet.read_table(sample, columns=list(columns))
        found = parquet.read_table(answers)
        for name in predictions:
            rows = rows.append_column(f"{PREDICTED}{name}", found.column(name))
        classes = json.loads((found.schema.metadata or {}).get(CLASSES, b"[]"))
        if positive in classes:
            rows = rows.append_column(LIKELY, found.column(f"p{classes.index(positive)}"))
        parquet.write_table(rows, into, compression="zstd")
        return int(rows.num_rows)

    def _parquet(self, path: Path, folder: Path) -> Path:
        import pyarrow
        from pyarrow import parquet

        if row_hash.is_parquet(path.name):
            return path
        try:
            frame = row_hash.read_csv(str(path), row_hash.column_names(str(path)))
            made = folder / f"{path.name}.parquet"
            parquet.write_table(pyarrow.Table.from_pandas(frame, preserve_index=False), made)
        except (ValueError, OSError) as error:
            raise DataError(f"{path.name} is not readable as CSV: {duck.first_line(error)}") from None
        return made


def _hash(dtypes: Mapping[str, str]) -> str:
    return f"hash({', '.join(map(duck.quoted, dtypes))})"


def _column(connection: DuckDBPyConnection, relation: str, name: str, dtype: str, rows: int) -> ColumnSummary:
    """One column over all rows."""
    kind = duck.kind_of(dtype)
    if kind == NUMBER:
        return _number(connection, relation, name, dtype, rows)
    known, distinct = duck.one(
        connection, f"SELECT count({duck.quoted(name)}), count(DISTINCT {duck.quoted(name)}) FROM {relation}"
    )
    if kind == CATEGORY and (known == 0 or (distinct > PARTS * PARTS and distinct > IDENTIFIER * known)):
        kind = OTHER
    values = dict(_values(connection, relation, name, dtype)) if kind == CATEGORY else {}
    return ColumnSummary(
        name=name,
        kind=kind,
        dtype=dtype,
        null_share=1 - known / rows,
        distinct=distinct,
        values=values,
        rest=known - sum(values.values()) if values else 0,
    )


def _values(connection: DuckDBPyConnection, relation: str, name: str, dtype: str) -> Iterator[tuple[str, int]]:
    spelled = duck.category(name, dtype, dtype)
    found = connection.execute(
        f"SELECT {spelled} AS v, count(*) AS n FROM {relation} WHERE v IS NOT NULL "
        f"GROUP BY v ORDER BY n DESC, v LIMIT {MOST_VALUES}"
    ).fetchall()
    yield from ((str(value), int(count)) for value, count in found)


def _number(connection: DuckDBPyConnection, relation: str, name: str, dtype: str, rows: int) -> ColumnSummary:
    inner = f"(SELECT {duck.number(name, dtype)} AS x FROM {relation})"
    cuts = f"[{', '.join(f'{place / PARTS:g}' for place in range(PARTS + 1))}]"
    known, infinite, distinct, low, high, edges = duck.one(
        connection,
        "SELECT count(x) FILTER (NOT isnan(x)), count_if(isinf(x)), count(DISTINCT x) FILTER (isfinite(x)), "
        f"min(x) FILTER (isfinite(x)), max(x) FILTER (isfinite(x)), quantile_disc(x, {cuts}) FILTER (isfinite(x)) "
        f"FROM {inner}",
    )
    cut = tuple(sorted({float(edge) for edge in edges or ()}))
    cut = cut if len(cut) != 1 else cut * 2
    return ColumnSummary(
        name=name,
        kind=NUMBER if cut else OTHER,
        dtype=dtype,
        null_share=1 - known / rows,
        infinite=int(infinite),
        distinct=distinct,
        low=low,
        high=high,
        edges=cut,
        counts=_counts(connection, inner, cut),
    )


def _counts(connection: DuckDBPyConnection, inner: str, edges: Sequence[float]) -> tuple[int, ...]:
    """Finite values between neighbouring edges; the last bin has its upper edge, too."""
    if not edges:
        return ()
    wanted: list[Any] = []
    for place, (low, high) in enumerate(pairwise(edges)):
        upper = "<=" if place == len(edges) - 2 else "<"
        wanted.append(f"count_if(isfinite(x) AND x >= {low!r}::DOUBLE AND x {upper} {high!r}::DOUBLE)")
    return tuple(int(count) for count in duck.one(connection, f"SELECT {', '.join(wanted)} FROM {inner}"))
