"""`mlops.yaml` as typed, frozen data. schema.json is canonical; a test proves that the two agree.

Paths stay as the user wrote them (POSIX, relative to the model's `path`); `Model.at` makes them absolute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Tracking:
    uri: str = "sqlite:///.mlops/mlflow.db"
    registry_uri: str = ""
    artifacts: str = ""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One `validate:` entry. `data` is a file or glob, or a SQLAlchemy URL with `table` or `query`."""

    data: str
    suite: str
    table: str = ""
    query: str = ""


@dataclass(frozen=True, kw_only=True)
class Train:
    target: str = "train"
    pipeline: str = "dvc.yaml"
    model: str = "model"
    metrics: str = "metrics.json"
    environment: str = ""
    data: tuple[str, ...] = ()
    timeout: float = 21600.0
    undeclared_imports: str = "warn"


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """A metric by name, or the user's own `function` (`module:function`) with its direction."""

    name: str
    function: str = ""
    direction: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """An absolute gate (`min`/`max`) or one `against` an environment's champion."""

    metric: str
    name: str = ""
    min: float | None = None
    max: float | None = None
    against: str = ""
    margin: float = 0.0
    confidence: float = 0.95
    require: str = "non-inferior"
    severity: str = "fail"


@dataclass(frozen=True, kw_only=True)
class Slice:
    """`by` a column's values, or by `quantiles` (a count) of a number."""

    by: str
    metric: str
    max_drop: float
    quantiles: int | None = None
    min_rows: int = 100
    severity: str = "fail"


@dataclass(frozen=True, kw_only=True)
class Serving:
    """`signature` says which differences from the champion's are red: warn, compatible, same or ignore."""

    p99_ms: float | None = None
    memory_mb: float | None = None
    size_mb: float | None = None
    signature: str = "warn"

    @property
    def measured(self) -> bool:
        """Whether a server has to be started to tell."""
        return self.p99_ms is not None or self.memory_mb is not None


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    holdout: str
    label: str
    metrics: tuple[MetricSpec, ...] = ()
    gates: tuple[Gate, ...] = ()
    slices: tuple[Slice, ...] = ()
    group: str = ""
    positive: str = ""
    confidence: float = 0.95
    serving: Serving | None = None
    first_model: str = "fail"
    allow_overlap: bool = False
    timeout: float = 3600.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Override:
    """A gate waived for a while, on the record. `expires` is an ISO date, the last day it holds (UTC)."""

    gate: str
    reason: str
    author: str
    expires: str


@dataclass(frozen=True, kw_only=True)
class Guards:
    """Limits on all rows of a window, as shares; those of nulls and duplicates are on top of the reference's."""

    nulls: float = 0.05
    unseen: float = 0.01
    outside: float = 0.01
    duplicates: float = 0.05


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The truth about what production saw. Without `data` it is a column of the rows, if it is anywhere."""

    data: str = ""
    key: str = ""
    label: str = ""
    metric: str = ""
    margin: float = 0.0
    confidence: float = 0.99


@dataclass(frozen=True, kw_only=True)
class Drift:
    """`current` names the rows ('' watches nothing); `window` is `file`, a length of time or a number of rows."""

    current: str = ""
    table: str = ""
    query: str = ""
    time: str = ""
    window: str = "file"
    history: int = 6
    consecutive: int = 2
    min_rows: int = 500
    fresh: str = ""
    method: str = "wasserstein"
    category_method: str = "jensenshannon"
    threshold: float = 0.1
    columns: Mapping[str, float] = field(default_factory=dict)
    chance: float = 0.99
    ignore: tuple[str, ...] = ()
    share: float = 0.3
    covariate: str = "warn"
    prediction: str = ""
    prediction_threshold: float = 0.1
    engine: str = "evidently"
    master: str = "local[*]"
    sample: int = 20_000
    seed: int = 0
    guards: Guards = field(default_factory=Guards)
    labels: Labels = field(default_factory=Labels)


@dataclass(frozen=True, kw_only=True)
class Retrain:
    """`refresh` is a shell command ('' asks DVC for newer data); `holdout` are the newest labelled rows ('' for none).
    `cooldown` follows a merge, `quiet` a close without one."""

    refresh: str = ""
    timeout: float = 86_400.0
    holdout: str = ""
    cooldown: str = "7d"
    quiet: str = "14d"
    reviewers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Where a release is served. `options` holds the target's own keys (canary, port, …), as validated."""

    name: str
    target: str = "local"
    namespace: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Model:
    """One entry under `models:`. `serving` are the model server's settings; `build` is validated and
    kept for its stage."""

    name: str
    root: Path
    path: str = "."
    task: str = "classification"
    redact: tuple[str, ...] = ()
    validate: tuple[Dataset, ...] = ()
    train: Train = field(default_factory=Train)
    evaluate: Evaluate | None = None
    overrides: tuple[Override, ...] = ()
    environments: tuple[Environment, ...] = ()
    serving: Mapping[str, Any] = field(default_factory=dict)
    build: Mapping[str, Any] = field(default_factory=dict)
    drift: Drift = field(default_factory=Drift)
    retrain: Retrain = field(default_factory=Retrain)

    @property
    def directory(self) -> Path:
        return self.root / self.path

    def at(self, path: str) -> Path:
        """A path of the config as an absolute path."""
        return self.directory / path

    @property
    def champion_environment(self) -> str:
        """The environment whose release is the champion by default: the last one, or `production`."""
        return self.environments[-1].name if self.environments else "production"


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole file. `lines` maps a dotted path (`models.flight-delay.evaluate.gates[0]`) to its line, from 1."""

    path: Path
    root: Path
    models: Mapping[str, Model]
    tracking: Tracking = field(default_factory=Tracking)
    default_branch: str = ""
    forge: str = "auto"
    lines: Mapping[str, int] = field(default_factory=dict)

    def where(self, dotted: str) -> str:
        """`mlops.yaml:14` for the nearest enclosing key of `dotted` that has a line."""
        line = self.line(dotted)
        return f"{self.path.name}:{line}" if line else self.path.name

    def line(self, dotted: str) -> int:
        """The line of the nearest enclosing key that has one; 0 for the file."""
        while dotted and dotted not in self.lines:
            dotted = dotted.rpartition("[")[0] if dotted.endswith("]") else dotted.rpartition(".")[0]
        return self.lines[dotted] if dotted else 0
