"""What the pipeline wrote, checked: the model directory and the metrics."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci import yaml12
from mlops_ci.config.types import Model
from mlops_ci.errors import StageFailed


def model_directory(model: Model) -> Path:
    """The MLflow model directory. Raises StageFailed for one that MLflow could not load: no MLmodel, or no flavor."""
    directory = model.at(model.train.model)
    if (reason := _fault(directory)) is None:
        return directory
    raise StageFailed(
        f"the pipeline ended well, but its model directory '{model.train.model}' {reason}",
        hint="save the model with mlflow.<flavor>.save_model(model, path), and name the path in train.model",
        docs="training.md#the-model-directory",
    )


def _fault(directory: Path) -> str | None:
    try:
        document = yaml12.load((directory / "MLmodel").read_bytes()).value
    except FileNotFoundError:
        return "is missing" if not directory.exists() else "holds no MLmodel file"
    except NotADirectoryError:
        return "is no directory"
    except (OSError, yaml12.YamlError) as error:
        return f"holds an MLmodel file that can't be read: {error}"
    flavors = document.get("flavors") if isinstance(document, dict) else None
    if isinstance(flavors, dict) and flavors:
        return None
    return "holds an MLmodel file without 'flavors', so nothing can load the model"


def read_metrics(model: Model) -> Mapping[str, float]:
    """The metrics file the pipeline wrote, nested names joined by dots. Raises StageFailed for what is no number."""
    name = model.train.metrics
    if not name:
        return {}
    path = model.at(name)
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise _metrics_error(name, "the pipeline did not write it") from None
    except ValueError as error:
        raise _metrics_error(name, f"it is not JSON ({error})") from None
    if not isinstance(document, dict):
        raise _metrics_error(name, "it is not a map of names to numbers")
    return {key: _number(name, key, value) for key, value in _leaves("", document)}


def _leaves(prefix: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(f"{prefix}.{key}" if prefix else key, item)]
    return [(prefix, value)]


def _number(name: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _metrics_error(name, f"'{key}' is no number")
    if not math.isfinite(value):
        raise _metrics_error(name, f"'{key}' is {value}")
    return float(value)


def _metrics_error(name: str, reason: str) -> StageFailed:
    return StageFailed(
        f"the metrics file '{name}' can't be used: {reason}",
        hint="write a JSON map of names to finite numbers, or set train.metrics to ''",
        docs="training.md#metrics",
    )
