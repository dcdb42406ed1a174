"""Bring a data file of a model to the state its inputs describe, however it is kept: git, DVC, or the pipeline."""

from __future__ import annotations

import dataclasses
import posixpath
from pathlib import Path

from mlops_ci.config.types import Model
from mlops_ci.digests.sources import Project
from mlops_ci.digests.stages import Stage
from mlops_ci.ports.say import Say
from mlops_ci.stages.inputs import folder_of, model_inputs
from mlops_ci.stages.producers import fits, folder_of_glob, full_path, producer
from mlops_ci.stages.train import Trainer, interpreter_for, pipeline_job, prove


def provide(model: Model, path: str, *, project: Project, trainer: Trainer, say: Say) -> None:
    """Make `path` be there, and be right. A stage's output is brought up to date by its stage, even where git keeps a
    copy: its name is the stage's recipe. What git keeps is right; DVC checks out what it tracks. Raises BackendError
    or StageFailed where that fails."""
    if "://" in path:
        return
    if (stage := producer(model, path, project)) is not None:
        _make(stage, model, project=project, trainer=trainer, say=say)
    elif not project.tree.exists(wanted := full_path(model, path, project)):
        _check_out(wanted, model, project=project, trainer=trainer, say=say)


def _check_out(wanted: str, model: Model, *, project: Project, trainer: Trainer, say: Say) -> None:
    known = project.tracked(project.dvc_root(wanted)).around(folder_of_glob(wanted))
    if tracked := [kept for kept in known if fits(kept, wanted)]:
        trainer.pipeline.provide(tracked, log=_log(model, trainer), say=say)


def _make(stage: Stage, model: Model, *, project: Project, trainer: Trainer, say: Say) -> None:
    if (stage.file, stage.name) in trainer.proven:
        return
    pipeline = posixpath.relpath(stage.file, folder_of(model, project.tree.root) or ".")
    train = dataclasses.replace(model.train, target=stage.name, pipeline=pipeline)
    inputs = model_inputs(dataclasses.replace(model, train=train), project)
    interpreter = interpreter_for(model, inputs, trainer, say)
    job = pipeline_job(model, inputs, trainer, push=False)
    trainer.pipeline.reproduce(job, interpreter=interpreter, log=_log(model, trainer), say=say)
    prove(inputs, trainer)


def _log(model: Model, trainer: Trainer) -> Path:
    log = trainer.workspace.log_path(model.name, "provide")
    log.unlink(missing_ok=True)
    return log
