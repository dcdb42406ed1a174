"""The first rows of a table, without pandas: enough to tell its columns, and what kind of values a label has."""

from __future__ import annotations

import csv
import gzip
from itertools import islice
from pathlib import Path
from typing import Any

from mlops_ci.records.setting_up import Head

ROWS = 2_000


def table_head(path: Path) -> Head | None:
    """The columns and the first rows of a CSV or Parquet file; None where it is not here or can't be read.

    Parquet needs pyarrow, from the extra `validate`; without it nothing is told.
    """
    try:
        return _parquet(path) if path.suffix in (".parquet", ".pq") else _csv(path)
    except (OSError, ValueError, csv.Error, ModuleNotFoundError):
        return None


def _csv(path: Path) -> Head | None:
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        columns = tuple(next(rows, []))
        return Head(columns=columns, rows=tuple(tuple(row) for row in islice(rows, ROWS))) if columns else None


def _parquet(path: Path) -> Head:
    from pyarrow import parquet  # its errors are ValueErrors

    file = parquet.ParquetFile(path)
    batch = next(file.iter_batches(batch_size=ROWS), None)
    columns = tuple(file.schema_arrow.names)
    table = batch.to_pydict() if batch is not None else {}
    rows = zip(*(table[name] for name in columns), strict=True) if table else ()
    return Head(columns=columns, rows=tuple(tuple("" if item is None else str(item) for item in row) for row in rows))
