"""What every stage command starts from: the config, the repository, and the models it is about."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mlops_ci.cli import wiring
from mlops_ci.cli.console import Console
from mlops_ci.cli.options import Common
from mlops_ci.config.load import load
from mlops_ci.config.types import Config, Model
from mlops_ci.digests.inputs import Inputs
from mlops_ci.digests.sources import Project
from mlops_ci.errors import UsageError, did_you_mean
from mlops_ci.github.context import context, in_actions
from mlops_ci.io.git import Git
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.results import Origin
from mlops_ci.stages.inputs import model_inputs

if TYPE_CHECKING:
    from mlops_ci.ports.forge import Forge
    from mlops_ci.ports.reviewing import Reviewing
    from mlops_ci.ports.tracking import Registry, Tracker
    from mlops_ci.records.affected import Affected


@dataclass(frozen=True)
class Session:
    """One run of one command. What is expensive is found when it is first asked for."""

    options: Common
    config: Config
    console: Console

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.config.root)

    @cached_property
    def git(self) -> Git:
        return wiring.git(self.config)

    @cached_property
    def base(self) -> str:
        """The full SHA that is compared with: --base, or the merge base with the default branch."""
        if self.options.base:
            return self.git.resolve(self.options.base)
        from mlops_ci.stages.affected import find_base

        return find_base(self.config, git=self.git)

    @cached_property
    def affected(self) -> tuple[Affected, ...]:
        """Every chosen model against the base."""
        from mlops_ci.stages.affected import find_affected

        names = self.options.models or tuple(self.config.models)
        return find_affected(
            self.config, [self.model(name) for name in names], git=self.git, base=self.base, environ=os.environ
        )

    @cached_property
    def project(self) -> Project:
        """The repository's pipelines as the working tree has them."""
        return Project(self.git.working_tree())

    def inputs(self, model: Model) -> Inputs:
        """What decides a model, as the working tree has it."""
        return model_inputs(model, self.project)

    @cached_property
    def proven(self) -> set[tuple[str, str]]:
        """The pipeline stages that this run has seen run."""
        return set()

    @cached_property
    def tracker(self) -> Tracker:
        return wiring.tracker(self.config)

    @cached_property
    def registry(self) -> Registry:
        return wiring.registry(self.config)

    @cached_property
    def forge(self) -> Forge:
        """Where pull requests live."""
        return wiring.forge(self.config)

    @cached_property
    def reviewing(self) -> Reviewing | None:
        """What reviewers see beside pull requests; None where they live in the repository."""
        return wiring.reviewing(self.config)

    @cached_property
    def origin(self) -> Origin:
        """What results are about."""
        pull, head = asked()
        return Origin(
            commit=self.git.head(),
            head=head,
            base=self.base,
            branch=self.git.branch(),
            pull_request=pull,
            dirty=bool(self.uncommitted),
        )

    @cached_property
    def uncommitted(self) -> tuple[str, ...]:
        """Changed paths, without what the pipelines themselves write: outputs, and DVC's records of them."""
        stages = [item.stage for model in self.config.models.values() for item in self.inputs(model).stages]
        outputs = [out for stage in stages for out in stage.outs]
        return tuple(path for path in self.git.dirty() if not written_by_dvc(path) and not covered(path, outputs))

    def model(self, name: str) -> Model:
        """One model by name. Raises UsageError with the nearest name."""
        if name in self.config.models:
            return self.config.models[name]
        known = ", ".join(self.config.models)
        raise UsageError(
            f"no model '{name}' in {self.config.path.name}",
            hint=did_you_mean(name, self.config.models, f"models: {known}"),
            docs="configuration.md#models",
        )

    def only_model(self, name: str) -> Model:
        """The one that is named; where there is but one, it needs no name. Raises UsageError."""
        names = [name] if name else list(self.config.models)
        if len(names) > 1:
            raise UsageError("name the model: --model", hint=f"models: {', '.join(names)}")
        return self.model(names[0])

    @property
    def default_branch(self) -> str:
        """The branch that pull requests go to."""
        return self.git.default_branch(self.config.default_branch)

    def require_sound_releases(self) -> None:
        """Raises ConfigError, with file and line, for a release file that is not as mlops-ci wrote it."""
        from mlops_ci.stages.releases import read_releases

        read_releases(self.config, tree=self.project.tree)

    @property
    def chosen(self) -> tuple[Affected, ...]:
        """--model as named, otherwise every one: what a merge left undone is made up for by the next."""
        return self.affected

    @property
    def selected(self) -> tuple[Affected, ...]:
        """--model as named, --all as configured, otherwise the affected ones."""
        everything = bool(self.options.models) or self.options.all_models
        return tuple(item for item in self.affected if everything or item.affected)


def asked() -> tuple[str, str]:
    """The pull request that a workflow runs for, and its branch's tip; empty elsewhere."""
    job = context(os.environ) if in_actions(os.environ) else None
    return (str(job.pull), job.head) if job is not None and job.pull else ("", "")


def open_session(options: Common) -> Session:
    """Load the config. Raises ConfigError."""
    return Session(options, load(options.config, os.environ), options.console())


def written_by_dvc(path: str) -> bool:
    """Files that `dvc repro` writes or edits beside the outputs."""
    name = path.rpartition("/")[2]
    return name in ("dvc.lock", ".gitignore") or path.startswith(".dvc/") or "/.dvc/" in path


def covered(path: str, outputs: Sequence[str]) -> bool:
    """Whether a path is an output or lies in one."""
    return any(path == out or path.startswith(f"{out}/") for out in outputs)
