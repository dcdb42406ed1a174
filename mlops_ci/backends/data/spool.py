"""Texts and answers of databases as Parquet, a piece at a time; each is kept until what is made of it is done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_ci.backends.scoring import batch_files
from mlops_ci.backends.scoring.row_hash import NOT_THERE, separator
from mlops_ci.digests.canonical import digest_of
from mlops_ci.digests.directory import digest_file
from mlops_ci.errors import DataError
from mlops_ci.io import files
from mlops_ci.ports.say import Say
from mlops_ci.records.scoring import InputFile

if TYPE_CHECKING:
    import pyarrow

    from mlops_ci.backends.data.sql_source import SqlSource

GROUP_ROWS = 250_000  # of a text's row groups
QUERY_ROWS = 100_000  # of one file of a query's answer
BLOCK = 16 << 20  # bytes of a text that are looked at together


def from_text(file: InputFile, types: Mapping[str, str], folder: Path, environ: Mapping[str, str], say: Say) -> Path:
    """A CSV as one Parquet file: columns that the model knows in its types, the others as text. Raises DataError."""
    import pyarrow
    from pyarrow import csv, parquet

    key = digest_of([file.name, file.size, file.stamp, dict(types)])
    path = folder / f"{key[:32]}.parquet"
    if path.exists():
        return path
    say(f"reading {file.name}")
    folder.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    source, place = batch_files.system(file.place, environ)
    try:
        with source.open_input_stream(place) as stream:
            reader = csv.open_csv(
                stream,
                read_options=csv.ReadOptions(block_size=BLOCK),
                parse_options=csv.ParseOptions(delimiter=separator(file.name), newlines_in_values=True),
                convert_options=_convert(_header(file, environ), types),
            )
            with parquet.ParquetWriter(beside, reader.schema, compression="zstd") as writer:
                for table in _grouped(reader):
                    writer.write_table(table)
    except pyarrow.ArrowException as error:
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise DataError(f"{file.name} is not readable as CSV: {reason}") from None
    except OSError as error:
        raise files.disk_error(error, path) from error
    beside.replace(path)
    return path


def _header(file: InputFile, environ: Mapping[str, str]) -> list[str]:
    """The names in the first line. Raises DataError for two alike, and for an empty file."""
    from pyarrow import ArrowException, csv

    source, place = batch_files.system(file.place, environ)
    try:
        with source.open_input_stream(place) as stream:
            parse = csv.ParseOptions(delimiter=separator(file.name), newlines_in_values=True)
            names = list(csv.open_csv(stream, parse_options=parse).schema.names)
    except ArrowException as error:
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise DataError(f"{file.name} is not readable as CSV: {reason}") from None
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{file.name} has two columns named '{twice[0]}'", hint="give each column its own name")
    return names


def _convert(names: Sequence[str], types: Mapping[str, str]) -> Any:
    """Types are told beforehand: what a column is must not depend on how much of it was seen."""
    import pyarrow
    from pyarrow import csv

    known = {
        "boolean": pyarrow.bool_(),
        "integer": pyarrow.int32(),
        "long": pyarrow.int64(),
        "float": pyarrow.float32(),
        "double": pyarrow.float64(),
        "datetime": pyarrow.timestamp("ns"),
    }
    column_types = {name: known.get(types.get(name, ""), pyarrow.string()) for name in names} if types else {}
    return csv.ConvertOptions(column_types=column_types, null_values=NOT_THERE, strings_can_be_null=True)


def _grouped(reader: Any) -> Iterator[pyarrow.Table]:
    """The batches of a reader as tables of GROUP_ROWS rows."""
    import pyarrow

    waiting: list[Any] = []
    for batch in reader:
        waiting.append(batch)
        if sum(item.num_rows for item in waiting) >= GROUP_ROWS:
            table = pyarrow.Table.from_batches(waiting)
            yield table.slice(0, GROUP_ROWS)
            waiting = table.slice(GROUP_ROWS).to_batches()
    if waiting:
        yield pyarrow.Table.from_batches(waiting, schema=reader.schema)


def from_database(source: SqlSource, folder: Path, say: Say) -> list[InputFile]:
    """The answer to one query as Parquet files of QUERY_ROWS rows, read through a cursor of the server.

    It is one query, so it is one state of the database. A folder that has the whole answer already is taken as it is:
    a run that was killed goes on with the rows that it began with. Raises DataError or BackendError.
    """
    done = folder / "answer.json"
    if done.exists():
        found: list[dict[str, Any]] = json.loads(done.read_text("utf-8"))
        return [InputFile(place=str(folder / item["file"]), **item["known"]) for item in found]
    for path in folder.glob("answer-*.parquet"):
        path.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    say(f"asking {source.name}")
    noted: list[dict[str, Any]] = []
    for place, table in enumerate(_answers(source)):
        path = folder / f"answer-{place:05}.parquet"
        _write(table, path)
        first = place * QUERY_ROWS
        name = f"{source.name}, rows {first + 1:,} to {first + table.num_rows:,}"
        known = {"name": name, "size": path.stat().st_size, "stamp": digest_file(path)}
        noted.append({"file": path.name, "known": known})
        say(f"{first + table.num_rows:,} rows of {source.name}")
    files.write_json(done, noted)
    return [InputFile(place=str(folder / item["file"]), **item["known"]) for item in noted]


def _write(table: pyarrow.Table, path: Path) -> None:
    from pyarrow import parquet

    try:
        parquet.write_table(table, path, compression="zstd")
    except OSError as error:
        raise files.disk_error(error, path) from error


def _answers(source: SqlSource) -> Iterator[pyarrow.Table]:
    """Tables of at most QUERY_ROWS rows; an answer without rows is one table without rows."""
    import pyarrow
    import sqlalchemy

    with source.connect() as connection:
        streamed = connection.execution_options(stream_results=True, max_row_buffer=QUERY_ROWS // 10)
        statement = sqlalchemy.text(source.query) if source.query else _whole(source.table)
        with streamed.execute(statement) as answer:
            names = list(answer.keys())
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise DataError(f"{source.name}: two columns are named '{twice[0]}'", hint="name one with AS")
            empty = True
            for rows in answer.partitions(QUERY_ROWS):
                empty = False
                yield pyarrow.table(dict(zip(names, map(_column, zip(*rows, strict=True)), strict=True)))
            if empty:
                yield pyarrow.table({name: pyarrow.array([], type=pyarrow.null()) for name in names})


def _whole(table: str) -> Any:
    import sqlalchemy

    schema, _, name = table.rpartition(".")
    return sqlalchemy.select(sqlalchemy.text("*")).select_from(sqlalchemy.table(name, schema=schema or None))


def _column(values: Sequence[Any]) -> pyarrow.Array:
    """A column in the type of its values; what Arrow has no type for is text."""
    import pyarrow

    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowException, TypeError):
        return pyarrow.array([None if value is None else str(value) for value in values], type=pyarrow.string())
