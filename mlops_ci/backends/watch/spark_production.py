"""Rows of production in files that Spark counts, where they outgrow one machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlops_ci.config.types import Drift
from mlops_ci.digests.directory import digest_file
from mlops_ci.errors import BackendError, DataError, MissingExtra
from mlops_ci.ports.drift import Watched
from mlops_ci.ports.say import Say
from mlops_ci.records.reference import Reference
from mlops_ci.records.scoring import InputFile

if TYPE_CHECKING:
    from mlops_ci.backends.watch.sql_rows import Answer

VIEW = "mlops_ci_rows"
NANOSECONDS = "timestamp[ns"
DOCS = "drift.md#spark"
SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.log.level": "OFF",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
HERE = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.sql.shuffle.partitions": "8"}


class Files(Protocol):
    """The files with the rows, and those with the truth."""

    @property
    def name(self) -> str:
        """As the config has them."""

    @property
    def files(self) -> Sequence[InputFile]:
        """The files with the rows."""

    @property
    def environ(self) -> Mapping[str, str]:
        """What leads to those that lie elsewhere."""

    def stamp(self) -> str:
        """Changes whenever any of them does."""

    def truth(self, say: Say) -> tuple[list[InputFile], list[str]]:
        """The files with the truth as Parquet on this machine, and what could not be read of them."""


@dataclass(frozen=True, kw_only=True)
class SparkProduction:
    """Keeps the Production port. `reach` is how many seconds before the newest row are looked at, 0 for all."""

    drift: Drift
    files: Files
    scratch: Path
    reach: float = 0.0

    @property
    def name(self) -> str:
        return self.files.name

    def stamp(self) -> str:
        return self.files.stamp()

    @contextmanager
    def open(self, reference: Reference, sample: Path, *, now: float, say: Say) -> Iterator[Watched]:
        """The files are read by the cluster, which has to get at them under the same names."""
        from mlops_ci.backends.watch.spark_dialect import Spark
        from mlops_ci.backends.watch.spark_rows import SparkRows
        from mlops_ci.backends.watch.sql_watched import SqlWatched

        labels, broken = self.files.truth(say)
        places, nanoseconds, left_out = _readable(self.files)
        if not places:
            raise DataError(f"no file of '{self.name}' can be read: {left_out[0]}")
        say(f"asking Spark at {self.drift.master}")
        with _session(self.drift.master) as session:
            frame = _frame(session, places, nanoseconds)
            frame.createOrReplaceTempView(VIEW)
            yield SqlWatched(
                bring=partial(_bring, session),
                everything=SparkRows(
                    ask=partial(_asked, session), dialect=Spark(dict(frame.dtypes)), body=VIEW, time=self.drift.time
                ),
                drift=self.drift,
                reference=reference,
                sample=sample,
                labels=tuple(labels),
                folder=self.scratch,
                now=now,
                reach=self.reach,
                notes=(*left_out, *broken),
                unread=unread([file.place for file in self.files.files], set(places)),
            )


def unread(names: Sequence[str], read: set[str]) -> int:
    """How many of the newest files, by name, can't be read."""
    return sum(1 for _ in takewhile(lambda name: name not in read, sorted(names, reverse=True)))


@contextmanager
def _session(master: str) -> Iterator[Any]:
    """A session of our own. Raises BackendError where Spark does not start, DataError for what it can't read."""
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ModuleNotFoundError:
        raise MissingExtra("spark", "PySpark") from None
    builder = SparkSession.builder.master(master).appName("mlops-ci")
    for name, value in {**SETTINGS, **(HERE if master.startswith("local") else {})}.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:  # what starts Java raises what it likes
        hint = "is Java 17 or newer here (JAVA_HOME), and the master to be had?"
        raise BackendError(f"Spark does not start: {_first_line(error)}", hint=hint, docs=DOCS) from None
    try:
        yield session
    except (PySparkException, Py4JError) as error:
        raise DataError(f"Spark can't read the rows: {_first_line(error)}", docs=DOCS) from None
    finally:
        session.stop()


def _readable(files: Files) -> tuple[list[str], set[str], list[str]]:
    """(places, columns of nanoseconds, what is left out and why): one broken file would end Spark's whole question."""
    from mlops_ci.backends.scoring import batch_input
    from mlops_ci.backends.scoring.row_hash import is_parquet

    places, nanoseconds, broken = [], set(), []
    for file in files.files:
        try:
            found = batch_input.footers([file], files.environ) if is_parquet(file.place) else []
        except DataError as error:
            broken.append(error.message)
            continue
        places.append(file.place)
        nanoseconds |= {
            field.name for _, schema in found for field in schema if str(field.type).startswith(NANOSECONDS)
        }
    return places, nanoseconds, broken


def _frame(session: Any, places: Sequence[str], nanoseconds: set[str]) -> Any:
    """All rows; a CSV's as texts, as elsewhere. Spark knows no nanoseconds, and is told what to make of them."""
    from mlops_ci.backends.scoring.row_hash import is_parquet, separator
    from mlops_ci.backends.watch.sql_dialect import quoted

    paths = [place.replace("s3://", "s3a://", 1) for place in places]
    kinds = {is_parquet(path) for path in paths}
    if len(kinds) > 1:
        raise DataError("Spark is given Parquet files or texts, not both", docs=DOCS)
    if kinds == {True}:
        frame = session.read.option("mergeSchema", "true").parquet(*paths)
        whole = [f"timestamp_micros({name} DIV 1000) AS {name}" for name in map(quoted, sorted(nanoseconds))]
        others = [quoted(name) for name in frame.columns if name not in nanoseconds]
        return frame.selectExpr(*others, *whole) if whole else frame
    options = {"header": "true", "sep": separator(paths[0]), "multiLine": "true", "escape": '"'}
    return session.read.options(**options).csv(paths)


def _asked(session: Any, query: str) -> Answer:
    from mlops_ci.backends.watch.sql_rows import Answer

    found = session.sql(query)
    return Answer(names=tuple(found.columns), rows=[tuple(row) for row in found.collect()])


def _bring(session: Any, query: str, folder: Path) -> list[InputFile]:
    """At most a sample's rows, through this process."""
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "answer.parquet"
    parquet.write_table(session.sql(query).toArrow(), path, compression="zstd")
    return [InputFile(place=str(path), name="Spark's answer", size=path.stat().st_size, stamp=digest_file(path))]


def _first_line(error: Exception) -> str:
    """The first one that says something."""
    lines = [line.strip(" :") for line in str(error).splitlines() if not line.startswith("An error occurred while")]
    return next((line for line in lines if line), type(error).__name__)[:200]
