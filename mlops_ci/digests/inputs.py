"""The inputs digest: everything that decides a model, and nothing else.

sha256 over the canonical JSON of, for every stage the target reaches, its commands, its parameter values, its
outputs' paths and the content names of its source dependencies, and of the environment's files. Paths count from
the pipeline's own folder. No DVC, no data, no clock and no machine path takes part.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.digests.canonical import canonical, digest_of
from mlops_ci.digests.environment import find_environment
from mlops_ci.digests.graph import ResolvedStage, reach
from mlops_ci.digests.interpolate import spell
from mlops_ci.digests.paths import ancestors
from mlops_ci.digests.sources import Project
from mlops_ci.digests.stages import DEFAULT_PARAMS
from mlops_ci.digests.tree import Tree

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What decides a model. `stages` stand in the order they run, the target last; `environment` maps the files that
    describe the Python environment (paths from the root) to content names; `result` is what the model is read from."""

    digest: str
    target: str
    stages: tuple[ResolvedStage, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    result: Mapping[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> dict[str, str]:
        """Content names of all source dependencies by path."""
        return {path: content for item in self.stages for path, content in item.sources.items()}

    @property
    def params(self) -> dict[str, str]:
        """Parameters as text by name; those of another file than params.yaml are prefixed by it."""
        found: dict[str, str] = {}
        for item in self.stages:
            for file, values in item.stage.params.items():
                prefix = "" if posixpath.basename(file) == DEFAULT_PARAMS else f"{file}:"
                for key, value in values.items():
                    found.update({prefix + name: text for name, text in flatten(key, value)})
        return found

    def producer_of(self, path: str) -> str | None:
        """The name of the stage that writes `path` (from the root), or None."""
        around = {path, *ancestors(path)}
        return next((item.name for item in self.stages if around.intersection(item.stage.outs)), None)


def find_inputs(
    tree: Tree | Project,
    *,
    directory: str,
    pipeline: str,
    target: str,
    environment: str,
    result: Mapping[str, str] | None = None,
) -> Inputs:
    """The inputs of the model that stage `target` of `pipeline` trains.

    `directory` is the model's folder from the root ('' for the root itself), `pipeline` a path below it. `result`
    says where the model is read from once it is trained: another place is another model. Raises PipelineError
    (with file and line) for what is missing, circular, or has no name; ConfigError for a missing environment file.
    """
    project = Project.of(tree)
    file = posixpath.normpath(posixpath.join(directory, pipeline))
    stages = reach(project, file, target)
    names = find_environment(project.tree, directory, environment)
    described = {path: project.tree.digest(path) for path in names}
    result = dict(result or {})
    document = _document(stages, described, result, posixpath.dirname(file))
    return Inputs(digest=digest_of(document), target=target, stages=stages, environment=described, result=result)


def _document(
    stages: tuple[ResolvedStage, ...], environment: Mapping[str, str], result: Mapping[str, str], folder: str
) -> dict[str, Any]:
    inside = f"{folder}/" if folder else ""

    def here(path: str) -> str:
        return path[len(inside) :] if inside and path.startswith(inside) else posixpath.relpath(path, folder or ".")

    return {
        "version": VERSION,
        "stages": sorted((_stage(item, here) for item in stages), key=canonical),
        "environment": {here(path): content for path, content in environment.items()},
        "result": dict(result),
    }


def _stage(item: ResolvedStage, here: Callable[[str], str]) -> dict[str, Any]:
    sources = {here(path): content for path, content in item.sources.items()}
    if item.stage.frozen:
        return {"kept": sources}
    return {
        "cmd": list(item.stage.cmd),
        "wdir": here(item.stage.wdir),
        "params": {here(file): dict(values) for file, values in item.stage.params.items()},
        "sources": sources,
        "deps": sorted(here(path) for path in item.stage.deps),
        "outs": sorted(here(path) for path in item.stage.outs),
    }


def leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A parameter as (dotted name, value) pairs; lists stay whole."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from leaves(f"{key}.{name}" if key else str(name), item)
    else:
        yield key, value


def as_text(value: Any) -> str:
    """A value as it is shown to people and kept in MLflow."""
    return json.dumps(value, default=str) if isinstance(value, list | dict) else spell(value)


def flatten(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """A parameter as (dotted name, text) pairs."""
    return ((name, as_text(item)) for name, item in leaves(key, value))
