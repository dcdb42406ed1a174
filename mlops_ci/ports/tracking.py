"""Where training runs and registered versions are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mlops_ci.records.audit import Move
from mlops_ci.records.models import Candidate, Judgement, Version


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A finished training, ready to be recorded. `directory` is the MLflow model directory the pipeline wrote."""

    model: str
    directory: Path
    inputs_digest: str
    model_digest: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    data: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


class Tracker(Protocol):
    """Where training runs are kept (MLflow)."""

    def find(self, model: str, inputs_digest: str) -> Candidate | None:
        """The newest finished run with this inputs digest; half-written runs are not candidates."""

    def load(self, run_id: str) -> Candidate:
        """The candidate of one run."""

    def record(self, trained: TrainedModel) -> Candidate:
        """Log a training; the model directory goes up byte for byte. Idempotent per inputs and model digest."""

    def judge(self, run_id: str, judgement: Judgement, *, files: Mapping[str, Path]) -> None:
        """Attach a judgement and its files (artifact path → local file). Repeating it replaces the former one."""

    def store(self, run_id: str, artifact: str, path: Path) -> None:
        """Upload one file as the artifact `artifact` (a POSIX path). Repeating it replaces it."""

    def fetch(self, run_id: str, artifact: str, into: Path) -> Path | None:
        """Download one file or directory to `into`; None where the run has no such artifact."""

    def address(self, run_id: str, artifact: str) -> str:
        """The URI that an artifact of a run has, or would have."""


class Registry(Protocol):
    """Where versions have numbers and environments have aliases (MLflow)."""

    def champion(self, model: str, environment: str) -> Version | None:
        """The version the environment's alias names, or None where there is none."""

    def version_of(self, model: str, model_digest: str) -> Version | None:
        """The version with this model digest; the lowest number if a crash ever left two."""

    def versions(self, model: str) -> tuple[Version, ...]:
        """Every version of a model, the lowest number first."""

    def create(self, model: str, candidate: Candidate, *, tags: Mapping[str, str]) -> tuple[Version, bool]:
        """One version per model digest, however often and by however many processes: (version, was it created now)."""

    def annotate(self, version: Version, tags: Mapping[str, str]) -> Version:
        """Add tags to a version, and return it with them. Idempotent; a tag that has another value already raises
        StaleError, and nothing is changed: what a version says once, it says for good."""

    def point(self, model: str, environment: str, version: Version) -> None:
        """Move the environment's alias, and write the move to the journal in the model's tags."""

    def journal(self, model: str) -> tuple[tuple[Move, ...], Mapping[str, str]]:
        """Every recorded move of the model's aliases in the order of their times (to the microsecond, as the clocks of
        whoever moved them said), and environment → version that its alias names now."""
