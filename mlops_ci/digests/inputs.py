"""The inputs digest: everything that decides a model, and nothing else.

sha256 over the canonical JSON of, for every stage the target reaches, its commands, its parameter values, its
outputs' paths and the content names of its source dependencies, and of the environment's files. Paths count from
the pipeline's own folder. No DVC, no data, no clock and no machine path takes part.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.digests.environment import find_environment
from mlops_ci.digests.interpolate import spell
from mlops_ci.digests.sources import Project, overlaps
from mlops_ci.digests.stages import DEFAULT_PARAMS, Stage
from mlops_ci.errors import PipelineError


@dataclass(frozen=True, kw_only=True)
class ResolvedStage:
    """A stage the target reaches, with the content names of its sources by path from the root."""

    stage: Stage
    sources: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.stage.name


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What decides a model. `stages` stand in dependency order, the target last."""

    digest: str
    target: str
    stages: tuple[ResolvedStage, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

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
        for item in self.stages:
            if any(path == out or path.startswith(f"{out}/") for out in item.stage.outs):
                return item.name
        return None


def find_inputs(project: Project, *, directory: str, pipeline: str, target: str, environment: str) -> Inputs:
    """The inputs of the model that stage `target` of `pipeline` trains.

    `directory` is the model's folder from the root ('' for the root itself), `pipeline` a path below it. Raises
    PipelineError (with file and line) for what is missing, cyclic, or cannot be named by content; ConfigError for
    a missing environment file.
    """
    file = posixpath.normpath(posixpath.join(directory, pipeline))
    graph = _Graph(project, file)
    stages = tuple(graph.reach(target))
    files = find_environment(project.tree, directory, environment)
    described = {path: project.tree.digest(path) for path in files}
    document = _canonical(stages, described, posixpath.dirname(file))
    digest = hashlib.sha256(document.encode()).hexdigest()
    return Inputs(digest=digest, target=target, stages=stages, environment=described)


def _canonical(stages: tuple[ResolvedStage, ...], environment: Mapping[str, str], folder: str) -> str:
    def here(path: str) -> str:
        return path if "://" in path else posixpath.relpath(path, folder or ".")

    described = [
        {
            "cmd": list(item.stage.cmd),
            "params": {here(file): values for file, values in item.stage.params.items()},
            "sources": {here(path): content for path, content in item.sources.items()},
            "deps": sorted(here(path) for path in item.stage.deps),
            "outs": sorted(here(path) for path in item.stage.outs),
            "folder": here(posixpath.dirname(item.stage.file) or "."),
        }
        for item in stages
    ]
    described.sort(key=_dump)
    return _dump({"version": 1, "stages": described, "environment": {here(p): c for p, c in environment.items()}})


def _dump(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


class _Graph:
    """Walks from a target to the stages and sources it needs."""

    def __init__(self, project: Project, file: str) -> None:
        self.project = project
        self.file = file
        self.done: dict[tuple[str, str], ResolvedStage] = {}

    def reach(self, target: str) -> Iterator[ResolvedStage]:
        stages = self.project.stages(self.file)
        names = [name for name in stages if name == target or name.startswith(f"{target}@")]
        if not names:
            close = difflib.get_close_matches(target, stages, 1)
            raise PipelineError(
                f"there is no stage '{target}'",
                where=self.file,
                hint=f"did you mean '{close[0]}'?" if close else f"stages: {', '.join(stages) or 'none'}",
            )
        for name in names:
            self._visit(stages[name], ())
        yield from self.done.values()

    def _visit(self, stage: Stage, path: tuple[str, ...]) -> None:
        key = (stage.file, stage.name)
        if key in self.done:
            return
        if stage.name in path:
            circle = " → ".join([*path[path.index(stage.name) :], stage.name])
            raise PipelineError(f"the stages need each other in a circle: {circle}", where=stage.where)
        if stage.always_changed:
            raise PipelineError(
                f"stage '{stage.name}' is 'always_changed': its result is not decided by its inputs",
                where=stage.where,
                hint="bring the data in with 'dvc import-url', or freeze the stage: 'dvc freeze'",
            )
        if stage.frozen:
            self.done[key] = ResolvedStage(stage=stage, sources=self._frozen(stage))
            return
        sources: dict[str, str] = {}
        for dep in stage.deps:
            producers = self._producers(dep)
            for producer in producers:
                self._visit(producer, (*path, stage.name))
            sources.update(self._sources(stage, dep, producers))
        self.done[key] = ResolvedStage(stage=stage, sources=sources)

    def _frozen(self, stage: Stage) -> dict[str, str]:
        """A frozen stage is not run: the outputs that its lock names are sources."""
        outs = self.project.locked(stage, "outs")
        missing = [out for out in stage.outs if not outs.get(out)]
        if missing:
            raise PipelineError(
                f"stage '{stage.name}' is frozen, but dvc.lock does not say what its output '{missing[0]}' is",
                where=stage.where,
                hint=f"dvc unfreeze {stage.name} && dvc repro {stage.name} && dvc freeze {stage.name}, commit dvc.lock",
            )
        return outs

    def _producers(self, dep: str) -> list[Stage]:
        own = self.project.stages(self.file).values()
        found = [stage for stage in own if any(overlaps(dep, out) for out in stage.outs)]
        if found or dep in self.project.files:
            return found
        others = (name for name in self.project.other_pipelines if name != self.file)
        return [
            stage
            for name in others
            for stage in self.project.stages(name).values()
            if any(overlaps(dep, out) for out in stage.outs)
        ]

    def _sources(self, stage: Stage, dep: str, producers: list[Stage]) -> dict[str, str]:
        """The content names behind one dependency, without what other stages write."""
        if "://" in dep or dep.startswith(("/", "../")):
            return {dep: self._locked_outside(stage, dep)}
        if dep in self.project.files:
            return {dep: self.project.tree.digest(dep)}
        outs = [out for producer in producers for out in producer.outs]
        found = {item.path: item.hash for item in self.project.tracked if overlaps(item.path, dep)}
        inside = "" if dep == "." else f"{dep}/"
        for path in self.project.files:
            written = any(path == out or path.startswith(f"{out}/") for out in outs)
            if path.startswith(inside) and not written and not _is_record(path):
                found[path] = self.project.tree.digest(path)
        if found or producers:
            return found
        raise PipelineError(
            f"stage '{stage.name}' needs '{dep}', which is in neither git nor DVC and no stage writes it",
            where=stage.where,
            hint=f"dvc add {dep} (data) or git add {dep} (code)" if "*" not in dep else "DVC has no wildcards in deps",
        )

    def _locked_outside(self, stage: Stage, dep: str) -> str:
        if content := self.project.locked(stage, "deps").get(dep):
            return content
        raise PipelineError(
            f"stage '{stage.name}' needs '{dep}', which lies outside of the repository",
            where=stage.where,
            hint=f"dvc import-url {dep}, so that the data has a name that is the same on every machine",
        )


def _is_record(path: str) -> bool:
    """Files that DVC writes beside data are records of it, not part of it."""
    return path.endswith(".dvc") or path.startswith(".dvc/") or posixpath.basename(path) in ("dvc.lock", ".gitignore")


def flatten(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """A parameter as (dotted name, text) pairs."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from flatten(f"{key}.{name}" if key else str(name), item)
    else:
        yield key, json.dumps(value, default=str) if isinstance(value, list | dict) else spell(value)
