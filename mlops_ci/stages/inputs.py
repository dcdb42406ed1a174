"""A model's two digests: what decides its training, and what decides its judgement."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import posixpath
from pathlib import Path
from typing import Any

from mlops_ci.config.types import Model
from mlops_ci.digests.inputs import Inputs, find_inputs
from mlops_ci.digests.sources import Project
from mlops_ci.digests.tree import Tree
from mlops_ci.errors import ConfigError, PipelineError
from mlops_ci.records import encode


def folder_of(model: Model, root: Path) -> str:
    """The model's folder from the root of the repository, '' for the root itself."""
    try:
        relative = model.directory.resolve().relative_to(root).as_posix()
    except ValueError:
        raise ConfigError(
            f"model '{model.name}' lies outside of the repository", docs="configuration.md#models"
        ) from None
    return "" if relative == "." else relative


def model_inputs(model: Model, tree: Tree | Project) -> Inputs:
    """The inputs of a model in one state of the repository. Raises PipelineError.

    A Project in place of a tree shares what it parsed with other models.
    """
    project = Project.of(tree)
    return find_inputs(
        project,
        directory=folder_of(model, project.tree.root),
        pipeline=model.train.pipeline,
        target=model.train.target,
        environment=model.train.environment,
    )


def judgement_digest(model: Model, tree: Tree | Project, inputs: Inputs | None = None) -> str:
    """sha256 over what decides the judgement apart from the model: gates, metrics, slices, overrides, suites, data.

    Data is named by git's blob, by its `.dvc` hash, or, where the pipeline writes it, by the inputs that do.
    """
    project = Project.of(tree)
    inputs = inputs or model_inputs(model, project)
    folder = folder_of(model, project.tree.root)
    document = {
        "version": 1,
        "task": model.task,
        "redact": model.redact,
        "evaluate": None if model.evaluate is None else encode(model.evaluate),
        "overrides": encode(model.overrides),
        "validate": encode(model.validate),
        "content": {path: _content(path, project, inputs, folder) for path in _judged_files(model)},
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()


def _judged_files(model: Model) -> list[str]:
    named = {item.suite for item in model.validate} | {item.data for item in model.validate if "://" not in item.data}
    if model.evaluate is not None:
        named.add(model.evaluate.holdout)
    return sorted(named)


def _content(path: str, project: Project, inputs: Inputs, folder: str) -> Any:
    full = posixpath.normpath(posixpath.join(folder, path))
    if project.tree.exists(full):
        return project.tree.digest(full)
    for item in project.tracked:
        if full == item.path or full.startswith(f"{item.path}/"):
            return item.hash
    if inputs.producer_of(full):
        return "inputs"
    return producer_digest(full, project, folder)


def producer_digest(path: str, project: Project, folder: str) -> str:
    """The inputs digest of the stage that writes `path`, where the training target does not reach it; '' for none."""
    for file in project.other_pipelines:
        for stage in project.stages(file).values():
            if any(path == out or path.startswith(f"{out}/") for out in stage.outs):
                directory, name = posixpath.split(file)
                try:
                    return find_inputs(
                        project, directory=directory, pipeline=name, target=stage.name, environment=""
                    ).digest
                except PipelineError:
                    return ""
    return ""


def describe(model: Model) -> dict[str, Any]:
    """The part of a model's config that decides training or judgement, for telling what changed."""
    kept = ("path", "task", "redact", "validate", "evaluate", "overrides", "train")
    return {field.name: encode(getattr(model, field.name)) for field in dataclasses.fields(model) if field.name in kept}
