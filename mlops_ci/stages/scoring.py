"""Predictions of a candidate or champion on the holdout: stored ones where there are, else scored now."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.config.types import Model
from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import BackendError, StageFailed, StaleError
from mlops_ci.io import files
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.holdouts import HoldoutRows, Holdouts, PredictedRows
from mlops_ci.ports.say import Say
from mlops_ci.ports.scoring import Asked, Scorer, ScoringJob
from mlops_ci.ports.tracking import Tracker
from mlops_ci.ports.training import Environments, Interpreter
from mlops_ci.stages.stored import described

SMOKE = "smoke.json"


@dataclass(frozen=True, kw_only=True)
class Home:
    """Where runs and their environments come from. `root` is the repository's work tree."""

    root: Path
    tracker: Tracker
    environments: Environments


@dataclass(frozen=True, kw_only=True)
class Bench(Home):
    """What scoring needs from outside."""

    scorer: Scorer
    holdouts: Holdouts
    workspace: Workspace


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One model to be scored. `role` names its files; `interpreter` finds its Python when it is needed."""

    role: str
    run_id: str
    model_digest: str
    interpreter: Callable[[], Interpreter]


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Predictions and where their file is; `source`: stored, or scored. The rest is known of what was scored now."""

    rows: PredictedRows
    path: Path
    source: str
    smoke: Path | None = None
    seconds: float | None = None
    row_milliseconds: float | None = None
    peak_memory_mb: float | None = None
    python: str = ""


def artifact(holdout: HoldoutRows) -> str:
    """The name of a run's predictions on this holdout."""
    return f"predictions/{holdout.digest}.parquet"


def predictions_of(
    model: Model,
    subject: Subject,
    *,
    holdout: HoldoutRows,
    asked: Asked,
    classes: tuple[str, ...],
    bench: Bench,
    say: Say,
) -> Scored:
    """The predictions of a run's model.

    Stored ones are believed only if they are about exactly these rows and this question. Raises StageFailed where
    the model can't be scored, StaleError where its stored bytes are not its digest's.
    """
    scratch = bench.workspace.scratch(model.name, subject.role)
    stored = bench.tracker.fetch(subject.run_id, artifact(holdout), scratch / "stored")
    if stored is not None:
        try:
            rows = bench.holdouts.predictions(stored, holdout, asked=asked)
            return Scored(rows=rows, path=stored, source="stored")
        except StageFailed as error:
            say(f"the stored predictions of the {subject.role} are not used: {error}")
    return _score(model, subject, holdout=holdout, asked=asked, classes=classes, bench=bench, say=say)


def _score(
    model: Model,
    subject: Subject,
    *,
    holdout: HoldoutRows,
    asked: Asked,
    classes: tuple[str, ...],
    bench: Bench,
    say: Say,
) -> Scored:
    """Run the scorer. It works in an empty folder: a model is judged alone, as it will be served."""
    assert model.evaluate is not None
    scratch = bench.workspace.scratch(model.name, subject.role)
    directory = model_directory(model, subject.run_id, subject.model_digest, bench, scratch)
    job = ScoringJob(
        model_directory=directory.resolve(),
        data=model.at(model.evaluate.holdout).resolve(),
        task=asked.task,
        label=asked.label,
        group=asked.group,
        positive=asked.positive,
        classes=classes,
        predictions=scratch / f"{holdout.digest}.parquet",
        smoke=scratch / SMOKE,
    )
    interpreter = subject.interpreter()
    shutil.rmtree(scratch / "empty", ignore_errors=True)
    job.smoke.unlink(missing_ok=True)
    say(f"scoring the {subject.role} on {holdout.rows:,} rows")
    summary = bench.scorer.score(
        job,
        interpreter=interpreter,
        cwd=bench.workspace.scratch(model.name, f"{subject.role}/empty"),
        log=bench.workspace.log_path(model.name, f"score-{subject.role}"),
        timeout=model.evaluate.timeout,
    )
    return Scored(
        rows=bench.holdouts.predictions(job.predictions, holdout, asked=asked),
        path=job.predictions,
        smoke=job.smoke if job.smoke.exists() else None,
        source="scored",
        seconds=summary["predict_seconds"],
        row_milliseconds=summary["row_milliseconds"],
        peak_memory_mb=summary["peak_memory_mb"],
        python=summary["python"],
    )


def model_directory(model: Model, run_id: str, digest: str, bench: Bench, scratch: Path) -> Path:
    """The model's files: the checkout's own where they are these, else the run's, checked byte for byte."""
    own = model.at(model.train.model)
    if _is(own, digest):
        return own
    shutil.rmtree(scratch / "fetched", ignore_errors=True)  # files of another model would change the digest
    fetched = bench.tracker.fetch(run_id, "model", scratch / "fetched")
    if fetched is None or not _is(fetched, digest):
        found = "holds no model" if fetched is None else "holds another model than the one it was registered with"
        raise StaleError(
            f"run {run_id} {found} ({digest[:12]})",
            hint="somebody changed its artifacts; delete the run, and train again",
        )
    return fetched


def _is(directory: Path, digest: str) -> bool:
    try:
        return digest_directory(directory) == digest
    except BackendError:
        return False


def environment_of(run_id: str, bench: Home, scratch: Path, say: Say, *, extra: Sequence[str] = ()) -> Interpreter:
    """The Python environment a run was trained in, with `extra` beside, rebuilt from what the run kept.

    Raises BackendError.
    """
    shutil.rmtree(scratch / "environment", ignore_errors=True)
    found = described(run_id, scratch, tracker=bench.tracker)
    if not found.files:
        return bench.environments.prepare(bench.root, (), found.spec, say=say, extra=extra)
    files.write_text(found.folder / ".python-version", ".".join(found.python.split(".")[:2]))
    return bench.environments.prepare(found.folder, found.files, found.spec, say=say, extra=extra)
