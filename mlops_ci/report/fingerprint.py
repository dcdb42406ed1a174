"""What a report says apart from how long it took: a run that finds the same again has nothing new to show."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from mlops_ci.records.codec import encode
from mlops_ci.records.results import Check, StageResult
from mlops_ci.records.showing import About
from mlops_ci.report.collect import ModelReport, Report
from mlops_ci.report.standing import standing

# Measured anew by each run, or telling how a result was come by, not what it is.
PASSING = {
    "train": ("reused", "stages", "train_seconds", "peak_memory_mb", "log"),
    "evaluate": ("scoring_seconds", "serving", "notes", "champion_predictions"),
}


def fingerprint(report: Report, about: About) -> str:
    """The same for two runs that judged the same commit to the same end, else another; sha256 in hexadecimal."""
    said = [about.head, about.fork, about.expected is None, [_model(model) for model in report.models]]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _model(model: ModelReport) -> list[Any]:
    return [model.model, standing(model).value, list(model.notes), [_result(result) for result in model.results]]


def _result(result: StageResult) -> list[Any]:
    details = {key: value for key, value in result.details.items() if key not in PASSING.get(result.stage, ())}
    checks = [_check(check) for check in result.checks]
    return [result.stage, result.status.value, checks, details, encode(result.failure)]


def _check(check: Check) -> list[str]:
    """Its message may hold a measured time."""
    return [check.name, check.status.value, check.severity.value, check.override, check.where]
