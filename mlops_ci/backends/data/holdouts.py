"""Holdouts as arrays: the label, the groups, the slicing columns, and a hash of every row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlops_ci.backends.data.predictions import read_predictions
from mlops_ci.backends.scoring import row_hash
from mlops_ci.digests.directory import digest_file
from mlops_ci.errors import ConfigError, DataError, MissingExtra, did_you_mean
from mlops_ci.ports.holdouts import Coded, HoldoutColumns, HoldoutRows, Overlap, PredictedRows
from mlops_ci.ports.scoring import Asked

SUFFIXES = (".parquet", ".pq", ".csv", ".csv.gz", ".tsv")
MISSING = "(missing)"


class FileHoldouts:
    """Keeps the Holdouts port for CSV and Parquet files."""

    def read(self, data: Path, columns: HoldoutColumns, *, task: str) -> HoldoutRows:
        """One pass over the file; only the columns asked for stay in memory."""
        import numpy as np

        names = _names(data, "holdout")
        wanted = {"label": (columns.label,), "group": (columns.group,), "slices": columns.by_value + columns.by_number}
        for key, group in wanted.items():
            for name in group:
                if name and name not in names:
                    raise _no_column(name, key, data, names)
        kept = list(dict.fromkeys(name for group in wanted.values() for name in group if name))
        hashes, parts = [], []
        with _reading(data):
            for table in row_hash.read_batches(str(data), names):
                hashes.append(row_hash.row_hashes(table.select(row_hash.hashed_names(names))))
                parts.append(table.select(kept))
            table = _joined(parts)
        rows = sum(len(part) for part in hashes)
        with _as_asked(data, columns, task):
            label = _coded(table, columns.label) if task == "classification" else _numbers(table, columns.label)
        return HoldoutRows(
            digest=digest_file(data),
            rows=rows,
            hashes=np.concatenate(hashes) if hashes else np.empty(0, dtype="uint64"),
            label=label,
            groups=_groups(table, columns.group),
            values={name: _filled(_coded(table, name)) for name in columns.by_value},
            numbers={name: _sliced_numbers(table, name, data) for name in columns.by_number},
        )

    def overlap(self, data: Path, training: Sequence[Path], *, group: str) -> Overlap:
        """Rows are the same if all columns of the holdout but the group's are."""
        import numpy as np

        names = [name for name in row_hash.hashed_names(_names(data, "holdout")) if name != group]
        compared, skipped = [], []
        for path in (file for place in training for file in _files(place)):
            if reason := _incomparable(path, names):
                skipped.append(reason)
            else:
                compared.append(path)
        if not compared:
            return Overlap(rows=None, skipped=tuple(skipped))
        own = np.concatenate([np.empty(0, dtype="uint64"), *_hashes(data, names)])
        known, counts = np.unique(own, return_counts=True)
        seen = np.zeros(len(known), dtype=bool)
        for path in compared if len(known) else ():
            for hashes in _hashes(path, names):
                hashes.sort()  # neighbours are looked up near each other: several times faster
                places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
                seen[places[known[places] == hashes]] = True
        return Overlap(
            rows=int(counts[seen].sum()),
            compared=tuple(path.name for path in compared),
            skipped=tuple(skipped),
        )

    def predictions(self, path: Path, holdout: HoldoutRows, *, asked: Asked) -> PredictedRows:
        """Read, and refuse what is not about these rows in this order."""
        return read_predictions(path, holdout, asked=asked)


def _files(place: Path) -> list[Path]:
    """A file as it is; a folder as the data files in it, or itself where it has none."""
    if not place.is_dir():
        return [place]
    return sorted(path for path in place.rglob("*") if path.is_file() and path.name.endswith(SUFFIXES)) or [place]


def _incomparable(path: Path, names: Sequence[str]) -> str:
    """Why this training data can't be compared by these columns, or ''."""
    if path.is_dir():
        return f"{path.name}/ holds no file of a kind we read ({', '.join(SUFFIXES)})"
    if not path.exists():
        return f"there is no training data at '{path.name}'"
    known = _names(path, "training data")
    return next((f"{path.name} has no column '{name}'" for name in names if name not in known), "")


def _names(path: Path, what: str) -> list[str]:
    """The columns of a file that must be there, be a table, and have each name once."""
    if not path.exists():
        raise DataError(
            f"there is no {what} at '{path.name}'",
            hint="the pipeline writes it, or DVC or git tracks it: did it run, is it pulled, is the path right?",
            docs="evaluation.md#the-holdout",
        )
    if not path.is_file() or not path.name.endswith(SUFFIXES):
        raise ConfigError(f"the {what} '{path.name}' is no file of a kind we read ({', '.join(SUFFIXES)})")
    if path.stat().st_size == 0:
        raise DataError(f"{path.name} is empty: it has not even columns")
    with _reading(path):
        names = row_hash.column_names(str(path))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path.name} has two columns named '{twice}'", hint="give each column its own name")
    return names


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what reading raises into a DataError with its first line."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra("evaluate", str(error.name)) from None
    except (OSError, ValueError, EOFError) as error:  # pyarrow's and pandas' errors are ValueErrors
        kind = "Parquet" if row_hash.is_parquet(path.name) else "CSV"
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise DataError(f"{path.name} is not readable as {kind}: {reason}") from None


@contextmanager
def _as_asked(path: Path, columns: HoldoutColumns, task: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, NotImplementedError):
        raise DataError(
            f"the label '{columns.label}' of {path.name} is no number; a {task} needs numbers",
            hint="name another column in evaluate.label, or set 'task: classification'",
        ) from None


def _no_column(column: str, key: str, data: Path, names: list[str]) -> ConfigError:
    hint = did_you_mean(column, names, f"columns: {', '.join(names[:20])}")
    return ConfigError(f"{data.name} has no column '{column}' (evaluate.{key})", hint=hint, docs="evaluation.md")


def _joined(parts: Sequence[Any]) -> Any:
    """The batches as one table; None of no rows."""
    import pyarrow

    return pyarrow.concat_tables(parts) if parts else None


def _hashes(path: Path, names: list[str]) -> Iterator[Any]:
    with _reading(path):
        for table in row_hash.read_batches(str(path), names):
            yield row_hash.row_hashes(table)


def _coded(table: Any, name: str) -> Coded:
    import numpy as np

    if table is None:
        return Coded(codes=np.empty(0, dtype="int32"), names=())
    codes, names = row_hash.spelled(table.column(name))
    return Coded(codes=codes, names=tuple(names))


def _filled(coded: Coded) -> Coded:
    """Missing values as a category of their own."""
    import numpy as np

    if not (coded.codes < 0).any():
        return coded
    return Coded(codes=np.where(coded.codes < 0, len(coded.names), coded.codes), names=(*coded.names, MISSING))


def _numbers(table: Any, name: str) -> Any:
    """float64, NaN where a value is missing. Raises ValueError for what is no number."""
    import numpy as np
    import pyarrow

    if table is None:
        return np.empty(0)
    column = table.column(name)
    if pyarrow.types.is_boolean(column.type):
        column = column.cast(pyarrow.int8())
    if pyarrow.types.is_string(column.type) or pyarrow.types.is_temporal(column.type):
        raise ValueError(str(column.type))
    return column.cast(pyarrow.float64(), safe=False).to_numpy()


def _sliced_numbers(table: Any, name: str, data: Path) -> Any:
    try:
        return _numbers(table, name)
    except (ValueError, NotImplementedError):
        raise ConfigError(
            f"evaluate.slices cuts '{name}' of {data.name} by quantiles, but it is no number",
            hint="leave 'quantiles' out to cut it by its values",
            docs="evaluation.md#slices",
        ) from None


def _groups(table: Any, name: str) -> Any:
    """Cluster codes from 0; rows without a group are one cluster."""
    if not name or table is None:
        return None
    return _filled(_coded(table, name)).codes
