"""Where pull requests live: at GitHub, or in the repository itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mlops_ci.config.types import Config
from mlops_ci.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from mlops_ci.backends.local_forge.forge import LocalForge
    from mlops_ci.io.git import Git
    from mlops_ci.ports.forge import Forge
    from mlops_ci.ports.reviewing import Reviewing
    from mlops_ci.ports.runs import Runs
    from mlops_ci.ports.starting import Starter
    from mlops_ci.records.github import Access


def git(config: Config) -> Git:
    """The repository around `mlops.yaml`."""
    from mlops_ci.io.git import Git

    return Git.open(config.root)


def forge(config: Config) -> Forge:
    """Where this repository's pull requests live. Raises UsageError where the config asks for GitHub and it is not to
    be had."""
    access = github_access(config)
    if access is None:
        return _forge_here(config, person=False)
    try:
        from mlops_ci.backends.github.forge import GitHubForge
    except ModuleNotFoundError as error:
        raise MissingExtra("github", str(error.name)) from None

    return GitHubForge(access)


def reviewing(config: Config) -> Reviewing | None:
    """What shows verdicts, checks and deployments to reviewers; None where pull requests live in the repository."""
    access = github_access(config)
    if access is None:
        return None
    try:
        from mlops_ci.backends.github.api import Api
        from mlops_ci.backends.github.reviewing import GitHubReviewing
    except ModuleNotFoundError as error:
        raise MissingExtra("github", str(error.name)) from None

    return GitHubReviewing(Api(access))


def publishing() -> tuple[Runs, Reviewing]:
    """A repository's workflow runs, and what shows their results; its config is not read. Raises UsageError where
    there is no GitHub."""
    access = _github_alone("publish")
    try:
        from mlops_ci.backends.github.api import Api
        from mlops_ci.backends.github.reviewing import GitHubReviewing
        from mlops_ci.backends.github.runs import WorkflowRuns
    except ModuleNotFoundError as error:
        raise MissingExtra("github", str(error.name)) from None

    api = Api(access)
    return WorkflowRuns(api), GitHubReviewing(api)


def starter() -> Starter:
    """What starts workflows of a repository; its config is not read. Raises UsageError where there is no GitHub."""
    access = _github_alone("monitor dispatch")
    try:
        from mlops_ci.backends.github.api import Api
        from mlops_ci.backends.github.starting import RepositoryDispatch
    except ModuleNotFoundError as error:
        raise MissingExtra("github", str(error.name)) from None

    return RepositoryDispatch(Api(access))


def _github_alone(command: str) -> Access:
    from mlops_ci.github.credentials import find_access

    access = find_access(os.environ)
    if access is None:
        raise UsageError(
            f"'{command}' needs GITHUB_REPOSITORY (owner/name) and a token in the environment",
            hint="in a workflow: 'env: {GITHUB_TOKEN: ${{ github.token }}}'",
            docs="github.md#tokens",
        )
    return access


def local_forge(config: Config, *, person: bool = False) -> LocalForge:
    """The forge in the repository itself; what is written is written by mlops-ci, or by the `person` at work. Raises
    UsageError where the pull requests are on GitHub."""
    if (access := github_access(config)) is not None:
        raise UsageError(
            f"the pull requests of {access.repository} live on GitHub, not in this repository",
            hint="use its page there, or 'gh pr'",
            docs="github.md",
        )
    return _forge_here(config, person=person)


def github_access(config: Config) -> Access | None:
    """How GitHub is reached, None where pull requests live in the repository itself."""
    from mlops_ci.github.credentials import find_access

    if config.forge == "local":
        return None
    found = find_access(os.environ)
    if found is None and config.forge == "github":
        raise UsageError(
            "'forge: github' needs GITHUB_REPOSITORY (owner/name) and a token in the environment",
            hint="in a workflow: 'env: {GITHUB_TOKEN: ${{ github.token }}}'",
            docs="github.md#tokens",
        )
    return found


def _forge_here(config: Config, *, person: bool) -> LocalForge:
    from mlops_ci.backends.local_forge.forge import MACHINE, LocalForge
    from mlops_ci.io import git_branches
    from mlops_ci.io.git_write import Person
    from mlops_ci.io.workspace import Workspace

    root = git(config).root
    actor = Person(*git_branches.identity(root)) if person else MACHINE
    return LocalForge(root, Workspace(config.root), actor)


def starts_no_workflow(config: Config) -> bool:
    """Whether the forge starts no workflow for what this token opens, as GitHub does under GITHUB_TOKEN."""
    from mlops_ci.records.github import TokenKind

    access = github_access(config)
    return access is not None and access.kind is TokenKind.WORKFLOW
