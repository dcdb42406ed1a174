"""CSV and Parquet files, read once: the frame for Great Expectations, the profile from the same buffers."""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_ci.digests.directory import digest_file
from mlops_ci.errors import DataError, MissingExtra
from mlops_ci.records.validation import ColumnProfile, DataProfile

if TYPE_CHECKING:
    import pandas
    import pyarrow

LONGEST_TEXT = 80


@dataclass(frozen=True, kw_only=True)
class FileSource:
    """One data set in one or several files; `label` is its name in the config."""

    label: str
    paths: tuple[Path, ...]

    @property
    def name(self) -> str:
        return self.label

    @cached_property
    def table(self) -> pyarrow.Table:
        """All rows. Raises DataError where a file is not what its name says."""
        try:
            import pyarrow
        except ModuleNotFoundError:
            raise MissingExtra("validate", "pyarrow") from None
        tables = [self._read(path) for path in self.paths]
        for path, table in zip(self.paths, tables, strict=True):
            _refuse_duplicates(path, table.column_names)
        try:
            return pyarrow.concat_tables(tables, promote_options="permissive")
        except pyarrow.ArrowInvalid as error:
            raise DataError(f"the files of '{self.label}' do not fit together: {_first_line(error)}") from None

    def _read(self, path: Path) -> pyarrow.Table:
        import pyarrow
        from pyarrow import parquet

        if path.stat().st_size == 0:
            raise DataError(f"{path.name} is empty")
        try:
            if path.suffix in (".parquet", ".pq"):
                return parquet.ParquetFile(path).read()
            return self._read_csv(path)
        except UnicodeDecodeError as error:
            byte = error.object[error.start : error.start + 1].hex()
            raise DataError(
                f"{path.name} is not UTF-8: it has the byte 0x{byte}",
                hint=f"iconv -f latin1 -t utf-8 {path.name}, where it was latin1",
            ) from None
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            kind = "Parquet" if path.suffix in (".parquet", ".pq") else "CSV"
            raise DataError(f"{path.name} is not readable as {kind}: {_first_line(error)}") from None

    def _read_csv(self, path: Path) -> pyarrow.Table:
        import pandas
        import pyarrow

        separator = "\t" if path.suffix == ".tsv" else ","
        opened: Any = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            _refuse_duplicates(path, next(csv.reader(file, delimiter=separator), []))
        frame = pandas.read_csv(path, sep=separator, low_memory=False)
        return pyarrow.Table.from_pandas(frame, preserve_index=False)

    def frame(self) -> pandas.DataFrame:
        """All rows as pandas."""
        self._begun.result()  # it reads the table; two readers would read it twice
        frame: pandas.DataFrame = self.table.to_pandas()
        return frame

    def row(self, position: int) -> dict[str, Any]:
        """One row by its position from 0, {} where there is none."""
        found = self.table.slice(position, 1).to_pylist()
        return dict(found[0]) if found else {}

    def begin(self) -> None:
        """Start reading and profiling beside whatever is done meanwhile: Great Expectations takes seconds to import,
        and Arrow works without the interpreter's lock."""
        self._begun  # noqa: B018 - a cached property that starts the thread

    @cached_property
    def _begun(self) -> Future[tuple[str, tuple[ColumnProfile, ...]]]:
        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(self._summarise)
        finally:
            pool.shutdown(wait=False)

    def _summarise(self) -> tuple[str, tuple[ColumnProfile, ...]]:
        table = self.table
        columns = tuple(_column(name, table.column(i)) for i, name in enumerate(table.column_names))
        digests = [digest_file(path) for path in self.paths]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest(), columns

    def profile(self, *, redact: Sequence[str]) -> DataProfile:
        """Rows, and each column's type, null share, distinct values and range, over all rows."""
        digest, columns = self._begun.result()
        shown = tuple(replace(column, low="", high="") if column.name in redact else column for column in columns)
        return DataProfile(data=self.label, rows=self.table.num_rows, digest=digest, columns=shown)


def _column(name: str, values: pyarrow.ChunkedArray) -> ColumnProfile:
    import pyarrow
    from pyarrow import compute

    nulls = values.null_count
    if pyarrow.types.is_floating(values.type):
        nulls += compute.sum(compute.is_nan(values)).as_py() or 0
    try:
        distinct = compute.count_distinct(values, mode="only_valid").as_py()
        ends = compute.min_max(values).as_py()
    except pyarrow.ArrowException:
        distinct, ends = None, {"min": None, "max": None}
    return ColumnProfile(
        name=name,
        dtype=str(values.type),
        null_share=nulls / len(values) if len(values) else 0.0,
        distinct=distinct,
        low=_text(ends["min"]),
        high=_text(ends["max"]),
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:LONGEST_TEXT]


def _refuse_duplicates(path: Path, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise DataError(f"{path.name} has two columns named '{twice[0]}'", hint="give each column its own name")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
