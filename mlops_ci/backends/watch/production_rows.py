"""Rows of production as Parquet files that DuckDB reads: files where they lie, or copies of what lies elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_ci.backends.data.sql_source import SqlSource
from mlops_ci.backends.scoring import batch_files, batch_input
from mlops_ci.backends.scoring.row_hash import is_parquet
from mlops_ci.backends.watch import duck
from mlops_ci.backends.watch.spark_production import SparkProduction, unread
from mlops_ci.backends.watch.sql_production import SqlProduction
from mlops_ci.config.types import Drift, Model
from mlops_ci.digests.canonical import digest_of
from mlops_ci.errors import BackendError, DataError
from mlops_ci.ports.batch import Wanted
from mlops_ci.ports.drift import Watched
from mlops_ci.ports.say import Say
from mlops_ci.records.reference import Reference
from mlops_ci.records.scoring import InputFile

AS_TEXT = {"": "string"}  # whatever a CSV's column is, it comes as text: what is no number shall be seen


def open_production(
    model: Model, *, environ: Mapping[str, str], scratch: Path, reach: float = 0.0
) -> FileProduction | SparkProduction | SqlProduction:
    """The rows that `drift.current` names. Of a database, windows are looked for within `reach` seconds before the
    newest row, 0 for everywhere.

    Raises ConfigError, DataError where nothing is there, BackendError where S3 does not answer.
    """
    drift = model.drift
    if "://" in drift.current and not drift.current.startswith(batch_files.S3):
        source = SqlSource(url=drift.current, table=drift.table, query=drift.query, directory=model.directory)
        beside = FileProduction(drift=drift, files=(), labels=_labels(model, environ), scratch=scratch, environ=environ)
        return SqlProduction(drift=drift, source=source, scratch=scratch, reach=reach, labels=beside)
    wanted = Wanted(source=drift.current)
    rows = batch_input.open_rows(wanted, directory=model.directory, environ=environ)
    assert isinstance(rows, batch_input.FileRows)
    labels = _labels(model, environ)
    files = FileProduction(drift=drift, files=rows.files, labels=labels, scratch=scratch, environ=environ)
    return SparkProduction(drift=drift, files=files, scratch=scratch, reach=reach) if drift.engine == "spark" else files


def _labels(model: Model, environ: Mapping[str, str]) -> tuple[InputFile, ...]:
    """The files with the truth; none yet is no error, since it comes late."""
    data = model.drift.labels.data
    if not data:
        return ()
    try:
        rows = batch_input.open_rows(Wanted(source=data), directory=model.directory, environ=environ)
    except DataError:
        return ()
    assert isinstance(rows, batch_input.FileRows)
    return rows.files


@dataclass(frozen=True, kw_only=True)
class FileProduction:
    """Files, each known by name, size and time of change. Keeps the Production port."""

    drift: Drift
    files: tuple[InputFile, ...]
    labels: tuple[InputFile, ...]
    scratch: Path
    environ: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.drift.current

    def stamp(self) -> str:
        """Of every file's name, size and time of change."""
        return digest_of([[file.name, file.size, file.stamp] for file in (*self.files, *self.labels)])

    @contextmanager
    def open(self, reference: Reference, sample: Path, *, now: float, say: Say) -> Iterator[Watched]:
        """Footers are read; what is not Parquet on this machine is copied, once."""
        from mlops_ci.backends.watch.duck_watched import DuckWatched

        files, labels, broken = self.brought(say)
        if not files:
            raise DataError(f"no file of '{self.name}' can be read: {broken[0]}")
        with duck.connected(self.scratch / "spill") as connection:
            yield DuckWatched(
                connection=connection,
                drift=self.drift,
                reference=reference,
                sample=sample,
                files=tuple(files),
                labels=tuple(labels),
                now=now,
                notes=tuple(broken),
                unread=unread([file.name for file in self.files], {file.name for file in files}),
            )

    def truth(self, say: Say) -> tuple[list[InputFile], list[str]]:
        """The files with the truth alone."""
        _, labels, broken = replace(self, files=()).brought(say)
        return labels, broken

    def brought(self, say: Say) -> tuple[list[InputFile], list[InputFile], list[str]]:
        """Files and labels as Parquet on this machine, and what could not be read of them."""
        broken: list[str] = []
        files, labels = (
            list(self._whole(self._copied(some, say, broken), broken)) for some in (self.files, self.labels)
        )
        self._forget(files, labels)
        return files, labels, broken

    def _copied(self, files: Sequence[InputFile], say: Say, broken: list[str]) -> Iterator[InputFile]:
        from mlops_ci.backends.data.spool import from_text

        folder = self.scratch / "rows"
        for file in files:
            try:
                if not is_parquet(file.place):
                    yield replace(file, place=str(from_text(file, AS_TEXT, folder, self.environ, say)))
                elif file.place.startswith(batch_files.S3):
                    yield replace(file, place=str(self._copy(file, folder, say)))
                else:
                    yield file
            except DataError as error:
                broken.append(error.message)

    def _copy(self, file: InputFile, folder: Path, say: Say) -> Path:
        from pyarrow import ArrowException, fs

        path = folder / f"{digest_of([file.name, file.size, file.stamp])[:32]}.parquet"
        if path.exists():
            return path
        say(f"fetching {file.name}")
        folder.mkdir(parents=True, exist_ok=True)
        source, place = batch_files.system(file.place, self.environ)
        beside = path.with_suffix(".new")
        try:
            fs.copy_files(place, str(beside), source_filesystem=source, destination_filesystem=fs.LocalFileSystem())
        except (OSError, ArrowException) as error:
            raise BackendError(f"could not fetch {file.name}: {batch_input.first_line(error)}") from None
        beside.replace(path)
        return path

    def _whole(self, files: Iterable[InputFile], broken: list[str]) -> Iterator[InputFile]:
        """Those whose footers can be read, with them: a file that is just being written is left out, and named."""
        for file in files:
            try:
                yield from (found for found, _ in batch_input.footers([file], self.environ))
            except DataError as error:
                broken.append(error.message)

    def _forget(self, files: Sequence[InputFile], labels: Sequence[InputFile]) -> None:
        """Copies of what is not there any more."""
        used = {file.place for file in (*files, *labels)}
        for path in (self.scratch / "rows").glob("*"):
            if str(path) not in used:
                path.unlink()
