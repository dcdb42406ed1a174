"""From a target to the stages it reaches, and the sources each of them reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_ci.digests.paths import is_inside
from mlops_ci.digests.sources import Project
from mlops_ci.digests.stages import Stage
from mlops_ci.errors import PipelineError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class ResolvedStage:
    """A stage the target reaches, with the content names of its sources by path from the root."""

    stage: Stage
    sources: Mapping[str, str]

    @property
    def name(self) -> str:
        """The stage's name, `train` or `train@a`."""
        return self.stage.name


def reach(project: Project, file: str, target: str) -> tuple[ResolvedStage, ...]:
    """The stages behind `target` of the pipeline `file`, in the order they run; a group's name takes all of it.

    Raises PipelineError (file, line, stage) for a missing target, a circle, and sources without a name.
    """
    stages = project.stages(file)
    names = [name for name in stages if name == target] or [name for name in stages if name.startswith(f"{target}@")]
    if not names:
        raise PipelineError(
            f"there is no stage '{target}'",
            where=file,
            hint=did_you_mean(target, stages, f"stages: {', '.join(stages) or 'none'}"),
        )
    walk = _Walk(project, project.dvc_root(file))
    try:
        for name in names:
            walk.visit(stages[name], ())
    except RecursionError:
        raise PipelineError(f"the stages behind '{target}' form too long a chain", where=file) from None
    return tuple(walk.done.values())


class _Walk:
    def __init__(self, project: Project, root: str) -> None:
        self.project = project
        self.root = root
        self.done: dict[tuple[str, str], ResolvedStage] = {}

    def visit(self, stage: Stage, path: tuple[Stage, ...]) -> None:
        key = (stage.file, stage.name)
        if key in self.done:
            return
        if any((other.file, other.name) == key for other in path):
            names = [other.name for other in path]
            circle = " → ".join([*names[names.index(stage.name) :], stage.name])
            raise PipelineError(
                f"the stages need each other in a circle: {circle}",
                where=stage.where,
                hint="no stage may depend, directly or through others, on what it writes",
            )
        sources = self._frozen(stage) if stage.frozen else self._needed(stage, (*path, stage))
        self.done[key] = ResolvedStage(stage=stage, sources=sources)

    def _needed(self, stage: Stage, path: tuple[Stage, ...]) -> dict[str, str]:
        if stage.always_changed:
            raise PipelineError(
                f"stage '{stage.name}' is 'always_changed': its result is not decided by its inputs",
                where=stage.where,
                hint=f"bring the data in with 'dvc import-url', or keep this result: 'dvc freeze {stage.name}'",
            )
        sources: dict[str, str] = {}
        for dep in stage.deps:
            if "://" in dep or dep.startswith(("/", "../")) or dep == "..":
                raise self._outside(stage, dep)
            producers = self.project.producers(self.root, dep)
            for producer in producers:
                self.visit(producer, path)
            sources.update(self._sources(stage, dep, producers))
        return sources

    def _sources(self, stage: Stage, dep: str, producers: list[Stage]) -> dict[str, str]:
        """The content names behind one dependency, without what other stages write."""
        outs = {out for producer in producers for out in producer.outs}
        if any(is_inside(dep, out) for out in outs):
            return {}
        try:
            found = self.project.contents(self.root, dep, without=outs)
        except PipelineError as error:
            if error.where:
                raise
            message = f"stage '{stage.name}' needs '{dep}': {error.message}"
            raise PipelineError(message, where=stage.where_of(dep), hint=error.hint) from None
        if found or producers:
            return found
        wildcard = any(sign in dep for sign in "*?[")
        raise PipelineError(
            f"stage '{stage.name}' needs '{dep}', which is in neither git nor DVC and no stage writes it",
            where=stage.where_of(dep),
            hint="DVC has no wildcards in deps: name the folder, or each file"
            if wildcard
            else f"dvc add {dep} (data), or git add {dep} (code); what .gitignore hides is in neither",
        )

    def _frozen(self, stage: Stage) -> dict[str, str]:
        """A frozen stage is not run: the outputs that its lock names are sources."""
        outs = self.project.locked_outs(stage)
        missing = [out for out in stage.outs if not outs.get(out)]
        if missing:
            raise PipelineError(
                f"stage '{stage.name}' is frozen, but dvc.lock does not say what its output '{missing[0]}' is",
                where=stage.where,
                hint=f"dvc unfreeze {stage.name} && dvc repro {stage.name} && dvc freeze {stage.name}, "
                "then commit dvc.lock",
            )
        return {out: outs[out] for out in stage.outs}

    def _outside(self, stage: Stage, dep: str) -> PipelineError:
        return PipelineError(
            f"stage '{stage.name}' needs '{dep}', which lies outside of the repository: nothing here names its content",
            where=stage.where_of(dep),
            hint="dvc import (from another repository or a registry)"
            if dep.startswith("ds://")
            else f"dvc import-url {dep}, and depend on the file it brings",
        )
