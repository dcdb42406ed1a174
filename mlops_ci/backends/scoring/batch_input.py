"""Rows to be scored: Parquet files where they lie, or what becomes Parquet first (spool.py)."""

from __future__ import annotations

import base64
import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mlops_ci.backends.data import spool
from mlops_ci.backends.data.sql_source import SqlSource
from mlops_ci.backends.scoring import batch_files
from mlops_ci.backends.scoring.row_hash import is_parquet
from mlops_ci.config.databases import unusable
from mlops_ci.digests.canonical import digest_of
from mlops_ci.errors import BackendError, ConfigError, DataError, MissingExtra, UsageError, did_you_mean
from mlops_ci.ports.batch import Rows, Wanted
from mlops_ci.ports.say import Say
from mlops_ci.records.scoring import InputFile

if TYPE_CHECKING:
    import pyarrow

SUFFIXES = (".parquet", ".pq", ".csv", ".csv.gz", ".tsv", ".tsv.gz")
INDEX = "__index_level_"  # pandas' index without a name
FOOTERS = 8  # read at once
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
DOCS = "score.md#what-is-read"


def open_rows(wanted: Wanted, *, directory: Path, environ: Mapping[str, str]) -> FileRows | SqlRows:
    """The rows of a path, pattern or folder (from `directory`), of `s3://…`, or of a database.

    Raises UsageError for what can't be meant, DataError where no file fits, BackendError where S3 does not answer.
    """
    try:
        import pyarrow  # noqa: F401 - whoever reads rows needs it
    except ModuleNotFoundError:
        raise MissingExtra("score", "pyarrow") from None
    is_database = "://" in wanted.source and not wanted.source.startswith(batch_files.S3)
    if not is_database:
        if wanted.table or wanted.query:
            raise UsageError("--table and --query are for a database", hint="--input postgresql://…", docs=DOCS)
        return FileRows(wanted=wanted, files=_found(wanted.source, directory, environ), environ=environ)
    if reason := unusable(wanted.source):
        raise ConfigError(reason[0], hint=reason[1], docs=DOCS)
    if bool(wanted.table) == bool(wanted.query):
        raise UsageError("a database needs either --table or --query", docs=DOCS)
    source = SqlSource(url=wanted.source, table=wanted.table, query=wanted.query, directory=directory)
    return SqlRows(wanted=wanted, source=source, environ=environ)


@dataclass(frozen=True, kw_only=True)
class FileRows:
    """Files, each known by name, size and time of change. Keeps the BatchRows port."""

    wanted: Wanted
    files: tuple[InputFile, ...]
    environ: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.wanted.source

    def count(self) -> tuple[int, int | None]:
        """From the footers of Parquet files; the rows of texts are not known."""
        if not all(is_parquet(file.place) for file in self.files):
            return len(self.files), None
        return len(self.files), sum(file.rows for file, _ in footers(self.files, self.environ))

    def open(self, types: Mapping[str, str], *, spool: Path, say: Say) -> Rows:
        """Read the footers; texts become Parquet."""
        return rows_of(self.wanted, [self._parquet(file, types, spool, say) for file in self.files], self.environ)

    def _parquet(self, file: InputFile, types: Mapping[str, str], folder: Path, say: Say) -> InputFile:
        if is_parquet(file.place):
            return file
        return replace(file, place=str(spool.from_text(file, types, folder, self.environ, say)))


@dataclass(frozen=True, kw_only=True)
class SqlRows:
    """What one query answers, read once. Keeps the BatchRows port."""

    wanted: Wanted
    source: SqlSource
    environ: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.source.name

    def count(self) -> tuple[int, int | None]:
        """A database is asked nothing beforehand."""
        return 0, None

    def open(self, types: Mapping[str, str], *, spool: Path, say: Say) -> Rows:
        """One query; what the same query answered to an earlier run that was killed is taken as it is."""
        from mlops_ci.backends.data.spool import from_database

        question = digest_of([self.source.url, self.source.table, self.source.query])
        files = from_database(self.source, spool / question[:16], say)
        return rows_of(self.wanted, files, self.environ, name=self.name)


def rows_of(wanted: Wanted, files: Sequence[InputFile], environ: Mapping[str, str], *, name: str = "") -> Rows:
    """The files with what their footers say, and the kept columns in types that fit all of them."""
    found = footers(files, environ)
    read = [file for file, _ in found]
    keep = _keep(wanted, read)
    return Rows(name=name or wanted.source, files=tuple(read), keep=keep, schema=_shared(found, keep))


def footers(files: Sequence[InputFile], environ: Mapping[str, str]) -> list[tuple[InputFile, pyarrow.Schema]]:
    """Each file with its columns and row groups. Raises DataError for what is not Parquet."""
    with ThreadPoolExecutor(FOOTERS) as pool:
        return list(pool.map(lambda file: _footer(file, environ), files))


def _footer(file: InputFile, environ: Mapping[str, str]) -> tuple[InputFile, pyarrow.Schema]:
    import pyarrow

    try:
        with batch_files.open_parquet(file.place, environ) as opened:
            schema = opened.schema_arrow
            groups = tuple(opened.metadata.row_group(place).num_rows for place in range(opened.num_row_groups))
    except FileNotFoundError:
        raise DataError(f"{file.name} is gone") from None
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{file.name} is not readable as Parquet: {first_line(error)}") from None
    if twice := sorted({name for name in schema.names if schema.names.count(name) > 1}):
        raise DataError(f"{file.name} has two columns named '{twice[0]}'", hint="give each column its own name")
    names = tuple(name for name in schema.names if not name.startswith(INDEX))
    partition = {name: value for name, value in _partition(file.name).items() if name not in names}
    return replace(file, names=names, groups=groups, partition=partition), schema


def _partition(name: str) -> dict[str, str | None]:
    """`year=2013/month=1/x.parquet` says two columns."""
    pairs = [segment.partition("=") for segment in name.split("/")[:-1] if re.match(r"[^=?]+=", segment)]
    return {unquote(key): None if value == NO_VALUE else unquote(value) for key, _, value in pairs}


def _keep(wanted: Wanted, files: Sequence[InputFile]) -> tuple[str, ...]:
    """The columns to carry through. Raises DataError for one that a file lacks."""
    keep = tuple(dict.fromkeys(wanted.keep))
    if wanted.keep_all and files:
        keep = tuple(dict.fromkeys([*keep, *files[0].names, *files[0].partition]))
    for file in files:
        known = [*file.names, *file.partition]
        for name in keep:
            if name not in known:
                hint = did_you_mean(name, known, f"its columns: {', '.join(known[:20])}")
                raise DataError(f"{file.name} has no column '{name}', which is to be kept", hint=hint)
    return keep


def _shared(found: Sequence[tuple[InputFile, pyarrow.Schema]], keep: tuple[str, ...]) -> str:
    """The kept columns in the narrowest types that hold those of every file, categories as their values."""
    import pyarrow

    def plain(schema: pyarrow.Schema, name: str) -> Any:
        kind = schema.field(name).type if name in schema.names else pyarrow.string()
        return kind.value_type if pyarrow.types.is_dictionary(kind) else kind

    schemas = [pyarrow.schema([(name, plain(schema, name)) for name in keep]) for _, schema in found]
    try:
        shared = pyarrow.unify_schemas(list(dict.fromkeys(schemas)), promote_options="permissive") if schemas else None
    except (pyarrow.ArrowException, TypeError) as error:
        raise DataError(
            f"the kept columns do not fit together: {first_line(error)}",
            hint="keep fewer columns, or score these files apart",
        ) from None
    return base64.b64encode((shared or pyarrow.schema([])).serialize().to_pybytes()).decode()


def _found(source: str, directory: Path, environ: Mapping[str, str]) -> tuple[InputFile, ...]:
    """The files of a path, pattern or folder, by name. Raises DataError where there is none."""
    from pyarrow import ArrowException

    try:
        found = _far(source, environ) if source.startswith(batch_files.S3) else _near(source, directory)
        files = tuple(sorted(found, key=lambda file: file.name))
    except (OSError, ArrowException) as error:
        raise BackendError(
            f"could not list {source}: {first_line(error)}", hint="are the credentials and AWS_ENDPOINT_URL right?"
        ) from None
    if not files:
        hint = f"a pattern is quoted, so that the shell leaves it alone; kinds that are read: {', '.join(SUFFIXES)}"
        raise DataError(f"there is no data at '{source}'", hint=hint, docs=DOCS)
    for file in files:
        if not file.name.endswith(SUFFIXES):
            raise DataError(f"{file.name} is of no kind we read ({', '.join(SUFFIXES)})", docs=DOCS)
    return files


def _near(source: str, directory: Path) -> Iterable[InputFile]:
    whole = directory / source
    if whole.is_dir():
        names = [f"{source.rstrip('/')}/{path.relative_to(whole).as_posix()}" for path in whole.rglob("*")]
        names = [name for name in names if _is_data(name.removeprefix(source))]
    elif whole.exists():
        names = [source]
    else:
        names = glob.glob(source, root_dir=directory, recursive=True)  # noqa: PTH207
    for name in names:
        path = directory / name
        if path.is_file():
            told = path.stat()
            yield InputFile(place=str(path), name=name, size=told.st_size, stamp=str(told.st_mtime_ns))


def _far(source: str, environ: Mapping[str, str]) -> Iterable[InputFile]:
    from pyarrow import fs

    files, path = batch_files.system(source, environ)
    info = files.get_file_info(path.rstrip("/"))
    if info.type == fs.FileType.File:
        found, fits = [info], re.compile("")
    elif info.type == fs.FileType.Directory:
        found, fits = files.get_file_info(fs.FileSelector(info.path, recursive=True)), re.compile("")
    else:
        fixed = re.split(r"[*?\[]", path, maxsplit=1)[0].rpartition("/")[0]
        selector = fs.FileSelector(fixed, recursive=True, allow_not_found=True)
        found, fits = files.get_file_info(selector) if "/" in path else [], pattern(path)
    for item in found:
        below = item.path.removeprefix(info.path)
        if (
            item.type == fs.FileType.File
            and fits.match(item.path)
            and (item is info or fits.pattern or _is_data(below))
        ):
            name = f"{batch_files.S3}{item.path}"
            yield InputFile(place=name, name=name, size=item.size, stamp=str(item.mtime_ns))


def pattern(text: str) -> re.Pattern[str]:
    """A shell's pattern as an expression: `*` stays in a folder, `**` does not."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", text)
    made = [
        words.get(part) or (part.replace("[!", "[^") if place % 2 else re.escape(part))
        for place, part in enumerate(parts)
    ]
    return re.compile("".join(made) + r"\Z")


def _is_data(below: str) -> bool:
    """Whether a file in a folder is meant: what begins with `_` or `.` is somebody's own."""
    hidden = any(part.startswith(("_", ".")) and "=" not in part for part in below.strip("/").split("/"))
    return not hidden and below.endswith(SUFFIXES)


def first_line(error: Exception) -> str:
    """An error's first line, shortened."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
