"""What batch scoring needs: rows that come as Parquet, a place where parts go, and the process that scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mlops_ci.ports.say import Say
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.scoring import InputFile, Part


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Rows as a person names them: `source` is a path, a pattern, a folder, `s3://…`, or a database's URL with a
    `table` or a `query`. `keep` are columns to carry through, `keep_all` takes every one."""

    source: str
    table: str = ""
    query: str = ""
    keep: tuple[str, ...] = ()
    keep_all: bool = False


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows to be scored. `keep` are the columns that are carried through, `schema` their types as all files share them
    (an Arrow schema, serialised, in base64)."""

    name: str
    files: tuple[InputFile, ...]
    keep: tuple[str, ...]
    schema: str


class BatchRows(Protocol):
    """Rows from one source. What is not Parquet becomes Parquet first, a piece at a time."""

    @property
    def name(self) -> str:
        """The source without its secrets."""

    def count(self) -> tuple[int, int | None]:
        """(files, rows), without reading the rows; None where that would take reading them."""

    def open(self, types: Mapping[str, str], *, spool: Path, say: Say) -> Rows:
        """`types` are the model's own by column, which texts are read as. What has to be written meanwhile lies in
        `spool`, and is taken from there again the next time. Raises DataError for what is no table, does not fit
        together or lacks a column, with the nearest; BackendError where the source is not to be had."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be written, the same for the same rows and release: `digest` names it, `notes` go into every part's
    metadata."""

    digest: str
    parts: tuple[Part, ...]
    document: Mapping[str, Any]
    notes: Mapping[str, str]

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)


class BatchOutput(Protocol):
    """A folder or a file that predictions go to, on this machine or in S3."""

    @property
    def name(self) -> str:
        """The place as a person knows it."""

    def claim(self) -> AbstractContextManager[None]:
        """Hold it against other processes of this machine. Raises BackendError where one is at work."""

    def done(self, plan: Plan, *, overwrite: bool) -> frozenset[str]:
        """Parts of this plan that are there, whole. Raises UsageError where other predictions are there, unless they
        are to be overwritten, and where there is something that is not ours. Changes nothing."""

    def complete(self, plan: Plan) -> bool:
        """Whether `finish` has been here for this plan."""

    def begin(self, plan: Plan, *, overwrite: bool) -> None:
        """Write down the plan; what an earlier one left is removed with `overwrite`, half-written parts always."""

    def place_of(self, part: Part) -> tuple[str, str]:
        """(file of this machine to write it to, place to put it then)."""

    def finish(self, plan: Plan, *, schema: str) -> None:
        """All parts are there: make the file of them, or say in the folder that it is complete."""


@dataclass(frozen=True, kw_only=True)
class BatchJob:
    """What the scorer is asked. `places` are of `parts`, as an output gives them; `formats` are those that a model may
    have (None: all) and `trusted` the types in skops files; `rows_done` are rows of earlier runs."""

    model_directory: Path
    task: str
    code: Path
    formats: tuple[str, ...] | None
    trusted: tuple[str, ...]
    refuse_null: bool
    rows: Rows
    parts: Sequence[Part]
    places: Sequence[tuple[str, str]]
    notes: Mapping[str, str]
    batch_rows: int
    rows_done: int
    rows_total: int


class BatchScorer(Protocol):
    """Scores in the user's environment."""

    def batch(self, job: BatchJob, *, interpreter: Interpreter, cwd: Path, log: Path, say: Say) -> Mapping[str, Any]:
        """Write the parts, and return the summary: rows, load_seconds, seconds, model_memory_mb, peak_memory_mb,
        python. Raises StageFailed, naming file, row group and rows where a row can't be predicted."""
