"""What watching production needs: rows in windows, distances from a reference, and the model's answers on a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mlops_ci.ports.say import Say
from mlops_ci.ports.scoring import Asked
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.drift import ColumnDrift, ColumnFacts, Window
from mlops_ci.records.reference import ColumnSummary, Reference


@dataclass(frozen=True, kw_only=True)
class WatchJob(Asked):
    """What the scorer is asked: answer every row of `sample` (Parquet) into `predictions`, and, where there is a
    `holdout`, measure on at most `rows` of it what shuffling each column costs, within about `seconds`."""

    model_directory: Path
    sample: Path
    predictions: Path
    classes: tuple[str, ...]
    holdout: Path | None
    rows: int = 10_000
    repeats: int = 3
    seconds: float = 60.0
    seed: int = 0


class WatchScorer(Protocol):
    """Runs our script in the user's environment."""

    def watch(
        self, job: WatchJob, *, interpreter: Interpreter, cwd: Path, log: Path, timeout: float
    ) -> Mapping[str, Any]:
        """inputs, predictions (names), and with a holdout: importance (column → rise or None), loss, loss_name, rows,
        whole (whether there was time for everything). Raises StageFailed where the model does not answer."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Training data, summarised: rows, the share of rows that repeat another, and each column."""

    rows: int
    duplicates: float
    columns: tuple[ColumnSummary, ...]


class TrainingData(Protocol):
    """Training data that is summarised whole and sampled."""

    def summarise(self, data: Sequence[Path], *, sample: Path, rows: int, seed: int) -> Summary:
        """Write a seeded sample of at most `rows` rows to `sample` (Parquet); the same
        rows whenever it is asked. Raises DataError for what is no table."""

    def keep(
        self,
        sample: Path,
        answers: Path,
        *,
        columns: Sequence[str],
        predictions: Sequence[str],
        positive: str,
        into: Path,
    ) -> int:
        """Write some columns of a sample, and the answers on it under names that begin with PREDICTED, as one Parquet
        file; with a `positive` class its probability, too, as LIKELY, where the model tells it. How many rows."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How columns are compared: methods, and what each threshold is. No distance counts that lies below what this share
    (`chance`, 0 for none) of windows has without drift, of at most `most` rows, 0 for as many as there are."""

    method: str
    category_method: str
    threshold: float
    prediction_threshold: float
    columns: Mapping[str, float]
    chance: float = 0.0
    most: int = 0

    def of(self, kind: str, name: str) -> tuple[str, float]:
        """(method, threshold) of a column."""
        method = self.method if kind == "number" else self.category_method
        return method, self.columns.get(name, self.threshold)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A window against the reference, on all rows, which have the columns `names`. `predictions` are as `columns`;
    `duplicates` is None where nobody counted; `extra` are columns that the reference does not know; `future` counts
    rows later than the moment of asking."""

    rows: int
    newest: str
    duplicates: float | None
    facts: tuple[ColumnFacts, ...]
    columns: tuple[ColumnDrift, ...]
    predictions: tuple[ColumnDrift, ...]
    extra: tuple[str, ...] = ()
    future: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Rows of a window whose truth is known, as arrays: `truth` and `answer` are texts of classes, or numbers;
    `probability` by class, or None; `groups` cluster codes from 0, or None. `rows` counts all rows of the window."""

    rows: int
    truth: Any
    answer: Any
    probability: Mapping[str, Any] | None
    groups: Any = None


class Production(Protocol):
    """Rows of production."""

    @property
    def name(self) -> str:
        """The source without its secrets."""

    def stamp(self) -> str:
        """Changes whenever rows come or go, and is told without reading them. Raises DataError where there is nothing,
        BackendError where the source is not to be had."""

    def open(self, reference: Reference, sample: Path, *, now: float, say: Say) -> AbstractContextManager[Watched]:
        """What is compared. `now` is in seconds since 1970. Raises DataError for rows that can't be read."""


class Watched(Protocol):
    """Rows of production beside a reference."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Files that could not be read, and why."""

    @property
    def unread(self) -> int:
        """How many of the newest files, by name, can't be read."""

    def written(self) -> float:
        """When the newest file that can be read was written, in seconds since 1970; 0 where rows are no files."""

    def windows(self) -> Sequence[Window]:
        """All there are, the oldest first, without any that is not over."""

    def newest(self) -> str:
        """The time of the newest row, ISO 8601 in UTC; '' where rows have no time."""

    def compare(self, window: Window, rules: Rules) -> Compared:
        """All rows of a window."""

    def shuffled(self, windows: Sequence[Window], rules: Rules, *, rows: int, seed: int) -> Compared:
        """As many rows, drawn by chance from several windows together."""

    def sampled(self, window: Window, into: Path, *, rows: int, seed: int) -> int:
        """Write a seeded sample of a window, of the reference's columns and its predictions, in the reference's types,
        beside `reference.parquet` in the same folder; how many rows it has."""

    def labelled(self, window: Window, *, task: str, label: str, positive: str, group: str) -> Labelled | str:
        """Rows with their truth, or why there are none. `group` is the column whose rows move together, '' for none."""


class Distances(Protocol):
    """Computes distances on two samples (Evidently)."""

    def compare(self, folder: Path, columns: Sequence[ColumnDrift]) -> Mapping[str, tuple[float, bool]]:
        """column → (distance, whether it drifted) of `window.parquet` and `reference.parquet` in a folder, by the
        method and the threshold of each column."""
