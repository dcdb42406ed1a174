"""Bring a data file of a model to the state its inputs describe, however it is kept: git, DVC, or the pipeline."""

from __future__ import annotations

import dataclasses
import posixpath

from mlops_ci.config.types import Model
from mlops_ci.digests.sources import Project
from mlops_ci.ports import Say
from mlops_ci.stages.inputs import folder_of, model_inputs
from mlops_ci.stages.producers import fits, folder_of_glob, full_path, producer
from mlops_ci.stages.train import Trainer, interpreter_for, pipeline_job, prove


def provide(model: Model, path: str, *, project: Project, trainer: Trainer, say: Say) -> None:
    """Make `path` be there, and be right. What git keeps is; DVC checks out what it tracks; a stage's output is brought
    up to date by its stage. Raises BackendError or StageFailed where that fails."""
    if "://" in path or project.tree.exists(full_path(model, path, project)):
        return
    log = trainer.workspace.log_path(model.name, "provide")
    log.unlink(missing_ok=True)
    wanted = full_path(model, path, project)
    known = project.tracked(project.dvc_root(wanted)).around(folder_of_glob(wanted))
    tracked = [kept for kept in known if fits(kept, wanted)]
    if tracked:
        trainer.pipeline.provide(tracked, log=log, say=say)
        return
    stage = producer(model, path, project)
    if stage is None or (stage.file, stage.name) in trainer.proven:
        return
    pipeline = posixpath.relpath(stage.file, folder_of(model, project.tree.root) or ".")
    train = dataclasses.replace(model.train, target=stage.name, pipeline=pipeline)
    inputs = model_inputs(dataclasses.replace(model, train=train), project)
    interpreter = interpreter_for(model, inputs, trainer, say)
    own = pipeline == posixpath.normpath(model.train.pipeline)
    job = pipeline_job(stage.name if own else f"{pipeline}:{stage.name}", model, inputs, trainer, push=False)
    trainer.pipeline.reproduce(job, interpreter=interpreter, log=log, say=say)
    prove(inputs, trainer)
