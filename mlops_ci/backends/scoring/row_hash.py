"""Rows of a table as 64-bit hashes, and labels as text: the same in every environment.

It is loaded in two places: by us, and by the scripts that run in the user's environment, where nothing of ours is
installed. So it needs nothing but numpy, pyarrow and (for CSV) pandas, of any version, and any Python from 3.8. It
decides what a value *is*, whatever type it is stored as, since types differ between versions and file formats:

* numbers, booleans included, are float64 (1, 1.0 and True agree; whole numbers beyond 2**53 keep their last digits);
* times are seconds and nanoseconds since 1970 in UTC, in whatever unit they are stored; dates are their midnight;
* categories are their values; text and bytes are their bytes;
* a missing value is the same in every type: None, NaN, NaT, NA.

A column's name goes into the hash, its position does not.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

ROWS = 250_000
MISSING = 0x9E3779B97F4A7C15
EXACT = 2**53
UNNAMED = "Unnamed: "  # pandas' name for a CSV's column without one
# What is missing in a CSV: spelled out, because pandas' own list grows from version to version.
NOT_THERE = ["", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "null", "NULL", "None", "<NA>", "#N/A", "NaT"]


def is_parquet(path: str) -> bool:
    """Whether a file name says Parquet."""
    return path.endswith((".parquet", ".pq"))


def column_names(path: str) -> list[str]:
    """The columns of a file in their order; pandas' unnamed index is none."""
    if is_parquet(path):
        from pyarrow import parquet

        return [name for name in parquet.read_schema(path).names if not name.startswith("__index_level_")]
    opener: Any = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        names = next(csv.reader(file, delimiter=separator(path)), [])
    return [name or f"{UNNAMED}{place}" for place, name in enumerate(names)]


def hashed_names(names: Sequence[str]) -> list[str]:
    """The columns that make a row what it is: an index that pandas wrote without a name does not."""
    return [name for name in names if not name.startswith(UNNAMED)]


def separator(path: str) -> str:
    """What stands between two fields."""
    return "\t" if ".tsv" in path else ","


def read_batches(path: str, columns: Sequence[str], rows: int = ROWS) -> Iterator[Any]:
    """The file as pyarrow Tables of at most `rows` rows, with these columns in this order.

    Parquet is never in memory as a whole. CSV is, since the type of a column is known only at its end.
    """
    import pyarrow

    if is_parquet(path):
        yield from _parquet_batches(path, list(columns), rows)
        return
    table = pyarrow.Table.from_pandas(read_csv(path, columns), preserve_index=False)
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)


def read_csv(path: str, columns: Sequence[str]) -> Any:
    """A CSV as pandas: numbers exact, missing values as listed here, columns whole before their type is decided."""
    import pandas

    frame = pandas.read_csv(
        path,
        sep=separator(path),
        usecols=None if list(columns) == column_names(path) else list(columns),
        low_memory=False,
        float_precision="round_trip",
        keep_default_na=False,
        na_values=NOT_THERE,
        encoding="utf-8-sig",
    )
    if not isinstance(frame.index, pandas.RangeIndex):  # pandas takes what is too much for an index
        raise ValueError("its rows have more fields than its header has names")
    return frame[list(columns)]


def _parquet_batches(path: str, columns: list[str], rows: int) -> Iterator[Any]:
    """Batches in which a category has the same codes everywhere: some models look at the codes."""
    import pyarrow
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    schema = file.schema_arrow
    coded = [name for name in columns if pyarrow.types.is_dictionary(schema.field(name).type)]
    whole: Any = file.read(columns=coded).unify_dictionaries() if coded else None
    start = 0
    for batch in file.iter_batches(batch_size=rows, columns=columns):
        table = pyarrow.Table.from_batches([batch])
        for name in coded:
            place = table.schema.get_field_index(name)
            field = schema.field(name)
            table = table.set_column(place, field, whole.column(name).slice(start, table.num_rows).cast(field.type))
        start += table.num_rows
        yield table.select(columns).replace_schema_metadata(schema.metadata)


def row_hashes(table: Any) -> Any:
    """(n,) uint64: a hash of each row's values by column name."""
    import numpy

    total = numpy.zeros(table.num_rows, dtype="uint64")
    for name in table.column_names:
        salt = numpy.uint64(_text_hash(name.encode("utf-8", "surrogatepass")))
        total += _mixed(column_hashes(table.column(name)) ^ salt)
    return total


def column_hashes(column: Any) -> Any:
    """(n,) uint64: a hash of each value of a pyarrow array."""
    import numpy
    import pyarrow
    from pyarrow import types

    column = _one_piece(column)
    if str(column.type) in ("string_view", "binary_view"):
        column = column.cast(pyarrow.binary())
    kind = column.type
    if types.is_dictionary(kind):
        return _by_code(column.indices, column_hashes(column.dictionary))
    if types.is_null(kind):
        return numpy.full(len(column), MISSING, dtype="uint64")
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return _number_hashes(column)
    if types.is_temporal(kind) and not types.is_interval(kind):
        return _time_hashes(column)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        coded = column.dictionary_encode()
        known = numpy.array([_text_hash(_bytes(value)) for value in coded.dictionary.to_pylist()], dtype="uint64")
        return _by_code(coded.indices, known)
    written = [
        None if value is None else json.dumps(value, sort_keys=True, default=str) for value in column.to_pylist()
    ]
    return column_hashes(pyarrow.array(written, type=pyarrow.string()))


def _one_piece(column: Any) -> Any:
    import pyarrow

    if not isinstance(column, pyarrow.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    if pyarrow.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return pyarrow.concat_arrays(column.chunks) if column.num_chunks else pyarrow.array([], type=column.type)


def _by_code(indices: Any, known: Any) -> Any:
    """The hashes of a dictionary's values, laid out by row; no code is a missing value."""
    import numpy
    import pyarrow

    places = indices.cast(pyarrow.int64()).fill_null(len(known)).to_numpy(zero_copy_only=False)
    return numpy.append(known, numpy.uint64(MISSING))[places]


def _number_hashes(column: Any) -> Any:
    import numpy
    import pyarrow
    from pyarrow import types

    whole = None
    if types.is_integer(column.type) and column.type.bit_width == 64:
        whole = column.fill_null(0).to_numpy(zero_copy_only=False)
    if types.is_boolean(column.type):
        column = column.cast(pyarrow.int8())
    values = column.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False) + 0.0  # −0.0 becomes 0.0
    missing = numpy.isnan(values)
    hashes = _mixed(values.view("uint64"))
    if whole is not None:
        large = numpy.flatnonzero((values >= EXACT) | (values <= -EXACT))
        if len(large):
            rests = [int(whole[row]) - int(values[row]) for row in large]
            hashes[large] += _mixed(numpy.array(rests, dtype="int64").view("uint64")) * (numpy.array(rests) != 0)
    hashes[missing] = MISSING
    return hashes


def _time_hashes(column: Any) -> Any:
    """Seconds and nanoseconds apart, so that no unit overflows."""
    import numpy
    import pyarrow
    from pyarrow import types

    kind = column.type
    if types.is_date(kind):
        column = column.cast(pyarrow.timestamp("s" if types.is_date32(kind) else "ms"))
    unit = getattr(column.type, "unit", "s")
    width = pyarrow.int32() if types.is_time32(column.type) else pyarrow.int64()
    counts = column.cast(width).cast(pyarrow.int64())
    missing = counts.is_null().to_numpy(zero_copy_only=False)
    values = counts.fill_null(0).to_numpy(zero_copy_only=False)
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    seconds, parts = numpy.divmod(values, scale)
    nanoseconds = parts * (10**9 // scale)
    hashes = _mixed(seconds.view("uint64") ^ numpy.uint64(1)) + _mixed(nanoseconds.view("uint64"))
    hashes[missing] = MISSING
    return hashes


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def _text_hash(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def _mixed(values: Any) -> Any:
    """Every bit of the input moves every bit of the output (the finaliser of splitmix64; Steele et al. 2014)."""
    import numpy

    mixed = values + numpy.uint64(MISSING)
    mixed ^= mixed >> numpy.uint64(30)
    mixed *= numpy.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> numpy.uint64(27)
    mixed *= numpy.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> numpy.uint64(31)
    return mixed


def spelled(column: Any) -> tuple[Any, list[str]]:
    """A pyarrow array as codes (n,) into a list of texts; −1 is missing. Alike however a class is stored."""
    import numpy
    import pyarrow

    column = _one_piece(column)
    coded = column if pyarrow.types.is_dictionary(column.type) else column.dictionary_encode()
    names: dict[str, int] = {}
    places = [-1 if value is None else names.setdefault(spell(value), len(names)) for value in _values(coded)]
    codes = coded.indices.cast(pyarrow.int64()).fill_null(len(places)).to_numpy(zero_copy_only=False)
    return numpy.array([*places, -1], dtype="int32")[codes], list(names)


def _values(coded: Any) -> list[Any]:
    return [None if value != value else value for value in coded.dictionary.to_pylist()]


def spell(value: Any) -> str:
    """One label as text: 1, 1.0, True and '1' are one class."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    kind = type(value).__name__
    is_whole = kind in ("bool", "bool_") or (kind.startswith("float") and float(value).is_integer())
    if is_whole or (kind == "Decimal" and value == value.to_integral_value()):
        return str(int(value))
    return str(value)
