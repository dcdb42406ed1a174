"""Train a model in the user's environment, or prove that these inputs were trained before."""

from __future__ import annotations

import dataclasses
import json
import posixpath
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from mlops_ci.config.types import Model
from mlops_ci.digests.directory import digest_directory, size_of
from mlops_ci.digests.inputs import Inputs
from mlops_ci.digests.sources import in_git
from mlops_ci.errors import BackendError, MlopsError
from mlops_ci.io import files
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.say import Say
from mlops_ci.ports.tracking import Tracker
from mlops_ci.ports.training import Environments, Interpreter, Pipeline, PipelineJob, PipelineRun
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.models import Candidate
from mlops_ci.records.results import Check, Origin, Severity, StageResult, Status, status_of
from mlops_ci.records.training import TrainingDetails
from mlops_ci.stages.recording import trained_model
from mlops_ci.stages.written import model_directory, read_metrics


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """What training needs from outside. `root` is the repository's work tree. `proven` collects the stages that this
    run has seen run, by (dvc.yaml, name): what dvc.lock says of them is ours."""

    root: Path
    tracker: Tracker
    environments: Environments
    pipeline: Pipeline
    workspace: Workspace
    proven: set[tuple[str, str]] = field(default_factory=set)


def train(
    model: Model, *, inputs: Inputs, trainer: Trainer, origin: Origin, say: Say, verify: bool = False
) -> StageResult:
    """A candidate for these inputs: from the evidence of an earlier training, or by running the pipeline.

    Raises StageFailed where the user's code fails, BackendError where DVC, MLflow or the disk does.
    """
    if not verify and (details := _trained_before(model, inputs, trainer, say)) is not None:
        return _result(model, details, reason=f"these inputs were trained before (run {details.run_id})")
    details = _run(model, inputs, trainer, origin, say, verify)
    _evidence_path(trainer.workspace, model).parent.mkdir(parents=True, exist_ok=True)
    files.write_json(_evidence_path(trainer.workspace, model), encode(details))
    return _result(model, details, checks=_stability(details) if verify else ())


def interpreter_for(model: Model, inputs: Inputs, trainer: Trainer, say: Say) -> Interpreter:
    """The user's Python for this model."""
    return trainer.environments.prepare(trainer.root, tuple(inputs.environment), model.train.environment, say=say)


def _result(model: Model, details: TrainingDetails, *, reason: str = "", checks: tuple[Check, ...] = ()) -> StageResult:
    return StageResult(
        stage="train",
        model=model.name,
        status=status_of(checks),
        reason=reason,
        checks=checks,
        outputs={
            "inputs-digest": details.inputs_digest,
            "model-digest": details.model_digest,
            "run": details.run_id,
        },
        details=encode(details),
    )


def _stability(details: TrainingDetails) -> tuple[Check, ...]:
    message = "both trainings wrote the same outputs"
    if details.unstable_outputs:
        message = f"two trainings wrote different outputs: {', '.join(details.unstable_outputs)}"
    status = Status.FAILED if details.unstable_outputs else Status.PASSED
    return (Check(name="reproducible", status=status, severity=Severity.WARN, message=message),)


def _evidence_path(workspace: Workspace, model: Model) -> Path:
    return workspace.home / "trained" / f"{model.name}.json"


def _trained_before(model: Model, inputs: Inputs, trainer: Trainer, say: Say) -> TrainingDetails | None:
    """What is known of an earlier training with the same inputs: from this checkout's note, then the tracker."""
    if (note := noted(model, inputs, trainer.workspace)) is not None:
        return dataclasses.replace(note, reused=True)
    candidate = trainer.tracker.find(model.name, inputs.digest)
    if candidate is None:
        return None
    say(f"found run {candidate.run_id} with the same inputs")
    stored = trainer.tracker.fetch(candidate.run_id, "train.json", trainer.workspace.scratch(model.name, "train"))
    details = _read_note(stored) if stored else None
    return dataclasses.replace(details or _details_of(candidate), run_id=candidate.run_id, reused=True)


def noted(model: Model, inputs: Inputs, workspace: Workspace) -> TrainingDetails | None:
    """This checkout's own note of a training with these inputs, which costs no import of MLflow or DVC to read.

    It is believed only if the model directory still has the digest it names.
    """
    note = _read_note(_evidence_path(workspace, model))
    believed = note is not None and note.inputs_digest == inputs.digest and _has_digest(model, note.model_digest)
    return note if believed else None


def _details_of(candidate: Candidate) -> TrainingDetails:
    return TrainingDetails(
        inputs_digest=candidate.inputs_digest,
        model_digest=candidate.model_digest,
        run_id=candidate.run_id,
        reused=True,
        environment="",
        python="",
        metrics=candidate.metrics,
        params=candidate.params,
        data=candidate.data,
    )


def _read_note(path: Path) -> TrainingDetails | None:
    try:
        return decode(TrainingDetails, json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, CodecError):
        return None


def _has_digest(model: Model, digest: str) -> bool:
    try:
        return digest_directory(model.at(model.train.model)) == digest
    except MlopsError:
        return False


def _run(model: Model, inputs: Inputs, trainer: Trainer, origin: Origin, say: Say, verify: bool) -> TrainingDetails:
    interpreter = interpreter_for(model, inputs, trainer, say)
    log = trainer.workspace.log_path(model.name, "train")
    job = pipeline_job(model, inputs, trainer)
    run = trainer.pipeline.reproduce(job, interpreter=interpreter, log=log, say=say)
    prove(inputs, trainer)
    unstable: tuple[str, ...] = ()
    if verify:
        say("training once more, to compare")
        unstable = trainer.pipeline.verify(job, interpreter=interpreter, log=log, say=say).unstable
    details = _inspect(model, inputs, trainer, interpreter, run, unstable)
    kept = trained_model(model, inputs, details=details, origin=origin, root=trainer.root, workspace=trainer.workspace)
    candidate = trainer.tracker.record(kept)
    return dataclasses.replace(details, run_id=candidate.run_id)


def pipeline_job(model: Model, inputs: Inputs, trainer: Trainer, *, push: bool = True) -> PipelineJob:
    """What brings the target of these inputs up to date."""
    return PipelineJob(
        file=inputs.stages[-1].stage.file,
        target=inputs.target,
        timeout=model.train.timeout,
        sources=tuple(path for path, name in inputs.sources.items() if not in_git(name)),
        stages={(item.stage.file, item.name): item.stage.outs for item in inputs.stages if not item.stage.frozen},
        unproven=unproven(inputs, trainer.proven),
        push=push,
    )


def prove(inputs: Inputs, trainer: Trainer) -> None:
    """Note that every stage these inputs reach has been run, or restored from what was run, by us."""
    trainer.proven.update((item.stage.file, item.name) for item in inputs.stages)


def unproven(inputs: Inputs, proven: Collection[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """dvc.lock → the stages whose entries only their author vouches for."""
    found: dict[str, tuple[str, ...]] = {}
    for item in inputs.stages:
        if not item.stage.frozen and (item.stage.file, item.name) not in proven:
            lock = posixpath.join(posixpath.dirname(item.stage.file), "dvc.lock")
            found[lock] = (*found.get(lock, ()), item.name)
    return found


def _inspect(
    model: Model,
    inputs: Inputs,
    trainer: Trainer,
    interpreter: Interpreter,
    run: PipelineRun,
    unstable: tuple[str, ...],
) -> TrainingDetails:
    """What the pipeline left behind, checked. Raises StageFailed for a model or metrics that can't be used."""
    directory = model_directory(model)
    log = trainer.workspace.log_path(model.name, "train")
    return TrainingDetails(
        inputs_digest=inputs.digest,
        model_digest=digest_directory(directory),
        run_id="",
        reused=False,
        environment=interpreter.description,
        python=interpreter.version,
        stages=run.stages,
        metrics=read_metrics(model),
        params=inputs.params,
        data=inputs.sources,
        model_bytes=size_of(directory),
        train_seconds=round(run.seconds, 3),
        peak_memory_mb=run.peak_memory_mb,
        log=log.relative_to(trainer.workspace.root).as_posix() if log.exists() else "",
        unstable_outputs=unstable,
    )


def known_candidate(model: Model, inputs: Inputs, tracker: Tracker) -> Candidate:
    """The candidate for these inputs. Raises BackendError where nothing was trained with them."""
    if (candidate := tracker.find(model.name, inputs.digest)) is not None:
        return candidate
    raise BackendError(
        f"no model was trained with these inputs ({inputs.digest[:12]})",
        hint=f"mlops-ci train --model {model.name}",
        docs="training.md",
    )
