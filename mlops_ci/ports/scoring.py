"""What runs a model to judge it: the scorer, and the model server for a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mlops_ci.ports.training import Interpreter
from mlops_ci.records.evaluation import ServingFacts


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What predictions are about. `positive` is one of two classes, '' otherwise."""

    task: str
    label: str
    group: str = ""
    positive: str = ""


@dataclass(frozen=True, kw_only=True)
class ScoringJob(Asked):
    """What the scorer is asked: read `data`, predict all rows, write `predictions` (Parquet), and a few rows as the
    model's server will be asked and must answer into `smoke` (JSON). `classes` are the label's, in order, () for a
    regression."""

    model_directory: Path
    data: Path
    classes: tuple[str, ...]
    predictions: Path
    smoke: Path


@dataclass(frozen=True, kw_only=True)
class MeasuringJob:
    """The user's own metrics on stored predictions. `functions` maps a metric to `module:function`, found below
    `modules`; `predictions` a model's role to its file. `replicates` seeded resamples are measured alike for all
    roles; rows of one `group` move together."""

    data: Path
    label: str
    group: str
    task: str
    classes: tuple[str, ...]
    positive: str
    functions: Mapping[str, str]
    modules: Path
    predictions: Mapping[str, Path]
    seed: int
    replicates: int = 1000


class Scorer(Protocol):
    """Runs our scorer script in the user's environment. What the user's code prints goes to `log`."""

    def score(
        self, job: ScoringJob, *, interpreter: Interpreter, cwd: Path, log: Path, timeout: float
    ) -> Mapping[str, Any]:
        """Score and return the summary: rows, classes, load_seconds, predict_seconds, row_milliseconds,
        peak_memory_mb, python, libraries. Raises StageFailed with the reason and the log's last lines where the
        user's code fails, hangs, or answers with what is no prediction."""

    def measure(
        self, job: MeasuringJob, *, interpreter: Interpreter, cwd: Path, log: Path, timeout: float
    ) -> Mapping[str, Mapping[str, Sequence[float | None]]]:
        """metric → role → [value, replicate 1, replicate 2, …]; None where the function gave no finite number."""


@dataclass(frozen=True, kw_only=True)
class ServableModel:
    """A model and how a deploy would set its server up: `settings` are the server's own, without a log's folder."""

    name: str
    model_directory: Path
    model_digest: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrialJob(ServableModel):
    """A model to be served for a moment. `recorded` is a V1 request of all rows that its smoke will ask for, as JSON;
    `request` has the first of them alone."""

    recorded: bytes
    request: bytes
    requests: int = 500


class ServerTrial(Protocol):
    """The real model server, before anybody meets it."""

    def refusal(self, job: ServableModel, *, interpreter: Interpreter, cwd: Path, log: Path) -> str:
        """Why the server would not load the model's files under these settings, naming the file; '' where it would.

        The files are looked at, not loaded. Raises StageFailed with the log's last lines where they can't be."""

    def measure(self, job: TrialJob, *, interpreter: Interpreter, cwd: Path, log: Path) -> ServingFacts:
        """Serve it as a deploy would, and measure.

        Raises StageFailed with the log's last lines where it does not start, or does not answer with 200: these
        settings may refuse what the model can answer."""
