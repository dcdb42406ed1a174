"""Production beside a reference."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_ci.config.types import Model

if TYPE_CHECKING:
    from mlops_ci.ports.drift import Distances, Production, TrainingData, WatchScorer


def production(model: Model, *, scratch: Path, reach: float = 0.0) -> Production:
    """What production saw of a model; copies of what lies elsewhere are kept in `scratch`."""
    from mlops_ci.backends.watch.production_rows import open_production

    return open_production(model, environ=os.environ, scratch=scratch, reach=reach)


def distances() -> Distances:
    from mlops_ci.backends.watch.evidently_drift import Evidently

    return Evidently()


def training_data() -> TrainingData:
    from mlops_ci.backends.watch.training_data import DuckTrainingData

    return DuckTrainingData()


def watch_scorer() -> WatchScorer:
    from mlops_ci.backends.scoring.scorer import SubprocessScorer

    return SubprocessScorer(environ=os.environ)
