"""Predictions of a candidate or champion on the holdout: stored ones where there are, else scored now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.config.types import Model
from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import BackendError, StaleError
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports import (
    Environments,
    HoldoutRows,
    Holdouts,
    Interpreter,
    PredictedRows,
    Say,
    Scorer,
    ScoringJob,
    Tracker,
)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What scoring needs from outside. `root` is the repository's work tree."""

    root: Path
    tracker: Tracker
    environments: Environments
    scorer: Scorer
    holdouts: Holdouts
    workspace: Workspace


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Predictions and where their file is; `source`: stored, or scored."""

    rows: PredictedRows
    path: Path
    source: str
    seconds: float | None = None


def artifact(holdout: HoldoutRows) -> str:
    """The name of a run's predictions on this holdout."""
    return f"predictions/{holdout.digest}.parquet"


def predictions_of(
    model: Model,
    *,
    role: str,
    run_id: str,
    model_digest: str,
    interpreter: Interpreter | None,
    holdout: HoldoutRows,
    bench: Bench,
    say: Say,
) -> Scored:
    """The predictions of a run's model. Without an interpreter the run's own environment is rebuilt.

    Raises StageFailed where the model can't be scored, StaleError where its stored bytes are not its digest's.
    """
    assert model.evaluate is not None
    scratch = bench.workspace.scratch(model.name, role)
    stored = bench.tracker.fetch(run_id, artifact(holdout), scratch)
    if stored is not None:
        rows = bench.holdouts.predictions(stored, holdout, task=model.task)
        return Scored(rows=rows, path=stored, source="stored")
    directory = model_directory(model, run_id, model_digest, bench, scratch)
    interpreter = interpreter or environment_of(run_id, bench, scratch, say)
    target = scratch / f"{holdout.digest}.parquet"
    job = ScoringJob(
        model_directory=directory,
        data=model.at(model.evaluate.holdout).resolve(),
        label=model.evaluate.label,
        task=model.task,
        predictions=target,
    )
    say(f"scoring {role} on {holdout.rows:,} rows")
    log = bench.workspace.log_path(model.name, f"score-{role}")
    log.unlink(missing_ok=True)
    summary: Mapping[str, Any] = bench.scorer.score(
        job, interpreter=interpreter, cwd=model.directory, log=log, say=say, timeout=model.evaluate.timeout
    )
    rows = bench.holdouts.predictions(target, holdout, task=model.task)
    return Scored(rows=rows, path=target, source="scored", seconds=float(summary.get("predict_seconds", 0.0)))


def model_directory(model: Model, run_id: str, digest: str, bench: Bench, scratch: Path) -> Path:
    """The model's files: the checkout's own where they are these, else the run's, checked byte for byte."""
    own = model.at(model.train.model)
    if _is(own, digest):
        return own
    fetched = bench.tracker.fetch(run_id, "model", scratch / "fetched")
    if fetched is None or not _is(fetched, digest):
        raise StaleError(
            f"run {run_id} does not hold the model it is about ({digest[:12]})",
            hint="somebody changed its artifacts; delete the run, and train again",
        )
    return fetched


def _is(directory: Path, digest: str) -> bool:
    try:
        return digest_directory(directory) == digest
    except BackendError:
        return False


def environment_of(run_id: str, bench: Bench, scratch: Path, say: Say) -> Interpreter:
    """The Python environment a run was trained in, rebuilt from what the run kept."""
    folder = bench.tracker.fetch(run_id, "environment", scratch)
    if folder is None:
        raise BackendError(f"run {run_id} kept no environment, so its model can't be scored again")
    kept = json.loads((folder / "environment.json").read_text("utf-8"))
    return bench.environments.prepare(folder, tuple(kept["files"]), kept["spec"], say=say)
