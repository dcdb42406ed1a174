"""What training did, and what registration made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class PipelineStage:
    """One stage of the pipeline; `action`: ran, cached (restored or up to date), frozen. Seconds are wall time."""

    name: str
    action: str
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class ParamChange:
    """One parameter against the champion's; '' where it did not exist."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class TrainingDetails:
    """The details of a `train` result. `peak_memory_mb` is the largest process; log is a path relative to the root."""

    inputs_digest: str
    model_digest: str
    run_id: str
    reused: bool
    environment: str
    python: str
    stages: tuple[PipelineStage, ...] = ()
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    model_bytes: int = 0
    train_seconds: float | None = None
    peak_memory_mb: float | None = None
    log: str = ""
    unstable_outputs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RegistrationDetails:
    """The details of a `register` result."""

    version: str
    created: bool
    model_digest: str
    inputs_digest: str
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)
    alias: str = ""
