"""A model's two digests: what decides its training, and what decides its judgement."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mlops_ci.config.types import Model
from mlops_ci.digests.canonical import digest_of
from mlops_ci.digests.data import DataNames
from mlops_ci.digests.imports import closure, module_file
from mlops_ci.digests.inputs import Inputs, find_inputs
from mlops_ci.digests.sources import Project
from mlops_ci.digests.tree import Tree
from mlops_ci.errors import ConfigError, PipelineError
from mlops_ci.records.codec import encode
from mlops_ci.stages.server_settings import judged_settings

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class JudgedOn:
    """What decides a judgement apart from the model: the config's values, and content names by key and path.

    `content` maps the config's key (`evaluate.holdout`) to path → content name.
    """

    config: Mapping[str, Any]
    content: Mapping[str, Mapping[str, str]]

    @property
    def digest(self) -> str:
        """sha256 over all of it."""
        return digest_of({"version": 1, "config": self.config, "content": self.content})


def folder_of(model: Model, root: Path) -> str:
    """The model's folder from the root of the repository, '' for the root itself. Raises ConfigError."""
    try:
        relative = model.directory.resolve().relative_to(root).as_posix()
    except ValueError:
        raise ConfigError(
            f"model '{model.name}' lies outside of the repository",
            hint="give a 'path:' below the folder that holds mlops.yaml",
            docs="configuration.md#models",
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
        result={key: posixpath.normpath(path) for key, path in _result(model).items() if path},
    )


def _result(model: Model) -> dict[str, str]:
    return {"model": model.train.model, "metrics": model.train.metrics}


def judgement_digest(model: Model, tree: Tree | Project) -> str:
    """sha256 over everything that decides the judgement apart from the trained model. Raises PipelineError."""
    return judged_on(model, tree).digest


def judged_on(model: Model, tree: Tree | Project) -> JudgedOn:
    """Gates, metrics, slices, overrides and their like; suites, the user's metrics and data by content.

    Data is named by git's blob, by its `.dvc` hash, or, where the pipeline writes it, by the inputs digest of the
    stage that does. Raises PipelineError, naming the config's key, for data that nothing names.
    """
    project = Project.of(tree)
    folder = folder_of(model, project.tree.root)
    data = DataNames(
        project=project, directory=folder, pipeline=model.train.pipeline, environment=model.train.environment
    )
    content: dict[str, Mapping[str, str]] = {}
    for index, entry in enumerate(model.validate):
        key = f"validate[{index}]"
        content[f"{key}.data"] = _at(model, f"{key}.data", data.of, entry.data)
        content[f"{key}.suite"] = _at(model, f"{key}.suite", data.of, entry.suite)
    if model.evaluate is not None:
        content["evaluate.holdout"] = _at(model, "evaluate.holdout", data.of, model.evaluate.holdout)
        for metric in model.evaluate.metrics:
            if metric.function:
                content[f"evaluate.metrics.{metric.name}"] = _code(project, folder, metric.function)
    return JudgedOn(config=judged_config(model), content=content)


def _at(model: Model, key: str, find: Callable[[str], Found], name: str) -> Found:
    try:
        return find(name)
    except PipelineError as error:
        if error.where:
            raise
        raise PipelineError(f"models.{model.name}.{key}: {error.message}", hint=error.hint) from None


def _code(project: Project, folder: str, function: str) -> dict[str, str]:
    """The repository's modules behind `module:function`; an installed module is the environment's matter."""
    file = module_file(project.tree, function.partition(":")[0], (folder, ""))
    return {path: project.tree.digest(path) for path in closure(project.tree, file)} if file else {}


def judged_config(model: Model) -> dict[str, Any]:
    """The part of a model's config that decides its judgement; a time limit decides none."""
    evaluate = None
    if model.evaluate is not None:
        evaluate = {key: value for key, value in encode(model.evaluate).items() if key != "timeout"}
    # Where data lies is told by its content; a URL may hold a password and differs from machine to machine.
    validate = [{k: v for k, v in encode(item).items() if k != "data" or "://" not in v} for item in model.validate]
    settings = judged_settings(model)
    return {
        "task": model.task,
        "redact": list(model.redact),
        "validate": validate,
        "evaluate": evaluate,
        "overrides": encode(model.overrides),
        **({"serving": settings} if settings else {}),  # without any, the digest of a judgement stays what it was
    }


def compared_config(model: Model) -> dict[str, Any]:
    """The config to tell differences from: what decides the judgement, and where the trained model is read from."""
    return {**judged_config(model), "train": _result(model)}
