"""Data sets by what their name says they are: files, or a database."""

from __future__ import annotations

import glob
from pathlib import Path

from mlops_ci.backends.data.file_source import FileSource
from mlops_ci.backends.data.sql_source import SqlSource
from mlops_ci.config.databases import unusable
from mlops_ci.errors import ConfigError, DataError

SUFFIXES = (".parquet", ".pq", ".csv", ".csv.gz", ".tsv")


def open_source(data: str, *, directory: Path, table: str = "", query: str = "") -> FileSource | SqlSource:
    """A source for a path or glob below `directory`, or a SQLAlchemy URL with a table or a query.

    Raises ConfigError for a kind we do not read, DataError where no file fits.
    """
    if "://" in data:
        if reason := unusable(data):
            raise ConfigError(reason[0], hint=reason[1], docs="validation.md")
        if bool(table) == bool(query):
            raise ConfigError("a database needs either 'table' or 'query'", docs="configuration.md#validate")
        return SqlSource(url=data, table=table, query=query, directory=directory)
    if not data.endswith(SUFFIXES):
        raise ConfigError(f"'{data}' is of no kind we read ({', '.join(SUFFIXES)})", docs="configuration.md#validate")
    paths = tuple(Path(path) for path in sorted(glob.glob(str(directory / data), recursive=True)))  # noqa: PTH207
    if not paths:
        raise DataError(
            f"there is no data at '{data}'",
            hint="is it an output of the pipeline, or tracked by DVC? then 'dvc pull' or 'dvc repro' brings it",
        )
    source = FileSource(label=data, paths=paths)
    source.begin()
    return source
