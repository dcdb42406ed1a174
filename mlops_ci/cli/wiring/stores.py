"""Where runs, versions and built environments are kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_ci.config.types import Config

if TYPE_CHECKING:
    from mlops_ci.ports.tracking import Registry, Tracker


def tracker(config: Config) -> Tracker:
    from mlops_ci.backends.mlflow.tracker import MlflowTracker

    return MlflowTracker(root=config.root, uri=config.tracking.uri, artifacts=config.tracking.artifacts)


def registry(config: Config) -> Registry:
    from mlops_ci.backends.mlflow.registry import MlflowRegistry

    return MlflowRegistry(
        root=config.root, uri=config.tracking.uri, registry_uri=config.tracking.registry_uri or config.tracking.uri
    )


def user_cache() -> Path:
    """Where built environments are kept between runs: MLOPS_CI_CACHE, XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get("MLOPS_CI_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-ci"
