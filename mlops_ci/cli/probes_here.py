"""Probes of this machine and this clone: they need nothing else."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from functools import partial
from importlib import metadata
from typing import Any

from mlops_ci import __version__, yaml12
from mlops_ci.cli import installed
from mlops_ci.cli.flows import Flows
from mlops_ci.cli.ground import Ground
from mlops_ci.errors import BackendError, MlopsError
from mlops_ci.io import git_command
from mlops_ci.io.git import Git
from mlops_ci.records.doctor import Finding, RepositoryFacts, WorkflowFacts
from mlops_ci.stages.doctor import clone, machine
from mlops_ci.stages.doctor.examine import Probe
from mlops_ci.stages.doctor.findings import ok
from mlops_ci.stages.doctor.machine import Program
from mlops_ci.stages.init import workflows
from mlops_ci.stages.init.prepare import OWNERS

GIT = (2, 20)
GIT_MERGES = (2, 38)  # `git merge-tree --write-tree`, which the local forge merges with


def probes(ground: Ground) -> Iterator[Probe]:
    """In the order in which they are told of."""
    yield Probe(group=machine.GROUP, name="programs", look=partial(_programs, ground))
    yield Probe(group=clone.GROUP, name="mlops.yaml", look=partial(_config, ground))
    yield Probe(group=clone.GROUP, name="clone", look=partial(_clone, ground))
    if ground.flows is not None and ground.on_github:
        yield Probe(group=clone.GROUP, name="CODEOWNERS", look=partial(_owners, ground.flows))
        yield Probe(group=clone.GROUP, name="workflows", look=partial(_workflows, ground.flows))


def _programs(ground: Ground) -> Iterator[Finding]:
    commit = installed.own_commit()
    yield ok(machine.GROUP, "mlops-ci", __version__ + (f", commit {commit[:12]}" if commit else ""))
    yield ok(machine.GROUP, "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield from machine.judge(_wanted(ground))


def _wanted(ground: Ground) -> Iterator[Program]:
    """Git and libraries, and what each is here for."""
    least = GIT if ground.access else GIT_MERGES
    yield Program(
        name="git", version=_git(ground), wanted="all begins with it", cure="install a newer git", least=least
    )
    trains, serves = "pipelines are trained with it" if ground.models else "", {one.target for _, one in ground.places}
    builds = "images are built and served with it" if wants_docker(ground) else ""
    for name, library, extra, wanted in (
        ("uv", "uv", "train", trains and "your Python environments are built with it"),
        ("DVC", "dvc", "train", trains),
        ("MLflow", "mlflow", "train", trains and "runs and models are kept with it"),
        ("docker (Python)", "docker", "deploy", builds),
        ("kubernetes (Python)", "kubernetes", "deploy", ("kserve" in serves and "clusters are reached with it") or ""),
        ("github3.py", "github3.py", "github", "GitHub is reached with it" if ground.access else ""),
    ):
        yield Program(name=name, version=_version(library), wanted=wanted, cure=f"pip install 'mlops-ci[{extra}]'")


def wants_docker(ground: Ground) -> bool:
    """Whether images are built here, or served from this machine's daemon."""
    builds = any(model.build.get("image") and model.build.get("mode") != "none" for model in ground.models)
    return builds or any(place.target == "docker" for _, place in ground.places)


def _git(ground: Ground) -> str:
    try:
        return (
            git_command.run(ground.git.root if ground.git else ground.folder, "--version")
            .stdout.strip()
            .split(" ", 2)[-1]
        )
    except BackendError:
        return ""


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def _config(ground: Ground) -> Iterator[Finding]:
    if ground.config is None:
        raise ground.wrong or AssertionError("a config that is not there was refused")
    names = ", ".join(ground.config.models)
    yield ok(clone.GROUP, ground.config.path.name, f"{names} ('mlops-ci check' looks at the files that it names)")


def _clone(ground: Ground) -> Iterator[Finding]:
    if ground.git is None:
        raise ground.lost or AssertionError("a repository that is not there was refused")
    yield from clone.judge_clone(clone_facts(ground.git, ground.config.default_branch if ground.config else ""))


def clone_facts(git: Git, default_branch: str) -> RepositoryFacts:
    """The clone as it is. Raises RepositoryError where git refuses it."""
    try:
        git.head()
    except MlopsError:
        return RepositoryFacts(commits=False, shallow=False, branch="", default_branch="")
    try:
        default = git.default_branch(default_branch)
    except MlopsError:
        default = ""
    return RepositoryFacts(commits=True, shallow=git.shallow, branch=git.branch(), default_branch=default)


def _owners(flows: Flows) -> Iterator[Finding]:
    found = next(((path, text) for path in OWNERS if (text := flows.read(path)) is not None), ("", ""))
    yield clone.judge_owners(*found)


def _workflows(flows: Flows) -> Iterator[Finding]:
    return clone.judge_workflows(workflow_facts(flows))


def workflow_facts(flows: Flows) -> WorkflowFacts:
    """What an upgrade would do, without doing it. Raises RepositoryError for a base that was edited."""
    from mlops_ci.io.git_merge import merge_texts
    from mlops_ci.stages.init.upgrade import upgrade

    found = upgrade(flows.rendered(installed.templates()), flows.existing, version=__version__, merge=merge_texts)
    older = dict.fromkeys(f"{workflows.FOLDER}/{clone.name_of(draft.path)}" for draft in found.setup.drafts)
    return WorkflowFacts(
        ours=tuple(path for path, text in _ours(flows)),
        older=tuple(older),
        edited=tuple(found.conflicts),
        baseless=tuple(found.setup.differing),
        current=found.setup.present,
    )


def _ours(flows: Flows) -> Iterator[tuple[str, str]]:
    for path, text in flows.existing.items():
        if path.startswith(workflows.FOLDER) and workflows.is_ours(text):
            yield path, text


def crons(flows: Flows) -> dict[str, tuple[str, ...]]:
    """The workflows here that call us and are started by time, with their cron expressions, by path."""
    found = {path: _crons(text) for path, text in _ours(flows)}
    return {path: times for path, times in found.items() if times}


def _crons(text: str) -> tuple[str, ...]:
    try:
        document: Any = yaml12.load(text.encode()).value
        return tuple(str(item["cron"]) for item in document["on"]["schedule"])
    except (yaml12.YamlError, KeyError, TypeError):
        return ()
