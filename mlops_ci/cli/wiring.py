"""The only place that chooses back ends. Imports stay inside, so that a command pays for what it uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_ci.config.types import Config, Dataset, Environment, Model
from mlops_ci.errors import BackendError, MissingExtra, UsageError

if TYPE_CHECKING:
    from mlops_ci.backends.github.survey import Survey
    from mlops_ci.backends.local_forge.forge import LocalForge
    from mlops_ci.io.git import Git
    from mlops_ci.ports.batch import BatchOutput, BatchRows, Wanted
    from mlops_ci.ports.building import Builder
    from mlops_ci.ports.data import DataSource, Validator
    from mlops_ci.ports.deploying import CanaryTarget, Deployer, TrafficMeter
    from mlops_ci.ports.drift import Distances, Production, TrainingData, WatchScorer
    from mlops_ci.ports.forge import Forge
    from mlops_ci.ports.holdouts import Holdouts
    from mlops_ci.ports.retraining import Refresher
    from mlops_ci.ports.reviewing import Reviewing
    from mlops_ci.ports.runs import Runs
    from mlops_ci.ports.scoring import Scorer, ServerTrial
    from mlops_ci.ports.starting import Starter
    from mlops_ci.ports.tracking import Registry, Tracker
    from mlops_ci.ports.training import Environments, Pipeline
    from mlops_ci.records.doctor import ClusterFacts, RemoteFacts, TrackingFacts
    from mlops_ci.records.github import Access
    from mlops_ci.records.setting_up import Head
    from mlops_ci.stages.build import Yard
    from mlops_ci.stages.deploy import Dock
    from mlops_ci.stages.score import Bench


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


def tracker(config: Config) -> Tracker:
    from mlops_ci.backends.mlflow.tracker import MlflowTracker

    return MlflowTracker(root=config.root, uri=config.tracking.uri, artifacts=config.tracking.artifacts)


def registry(config: Config) -> Registry:
    from mlops_ci.backends.mlflow.registry import MlflowRegistry

    return MlflowRegistry(
        root=config.root, uri=config.tracking.uri, registry_uri=config.tracking.registry_uri or config.tracking.uri
    )


def environments() -> Environments:
    from mlops_ci.backends.uv_environments import UvEnvironments

    return UvEnvironments(cache=user_cache() / "environments", environ=os.environ)


def pipeline(model: Model, root: Path, home: Path) -> Pipeline:
    """`root` is the repository's, `home` the folder for our own files."""
    from mlops_ci.backends.dvc.pipeline import DvcPipeline

    folder = model.at(model.train.pipeline).parent
    return DvcPipeline(root=root, folder=folder, home=home, environ=os.environ)


def refresher(model: Model, *, root: Path, checkout: Path, home: Path) -> Refresher:
    """`root` is a work tree beside the user's `checkout`, and the model's; `home` the folder for our own files."""
    from mlops_ci.backends.dvc.refresh import DvcRefresher

    folder = model.at(model.train.pipeline).parent.resolve().relative_to(root).as_posix()
    return DvcRefresher(root=root, checkout=checkout, folder=folder, home=home, environ=os.environ)


def starts_no_workflow(config: Config) -> bool:
    """Whether the forge starts no workflow for what this token opens, as GitHub does under GITHUB_TOKEN."""
    from mlops_ci.records.github import TokenKind

    access = github_access(config)
    return access is not None and access.kind is TokenKind.WORKFLOW


def scorer() -> Scorer:
    from mlops_ci.backends.scoring.scorer import SubprocessScorer

    return SubprocessScorer(environ=os.environ)


def server_trial() -> ServerTrial:
    from mlops_ci.backends.scoring.server_trial import LocalServerTrial
    from mlops_ci.serving.code import copy_into

    return LocalServerTrial(environ=os.environ, server_code=copy_into)


def server_requirements() -> tuple[str, ...]:
    """What the model server needs beside the user's own environment."""
    from mlops_ci.serving.code import REQUIREMENTS

    return REQUIREMENTS


def holdouts() -> Holdouts:
    from mlops_ci.backends.data.holdouts import FileHoldouts

    return FileHoldouts()


def validator() -> Validator:
    from mlops_ci.backends.gx.validator import GreatExpectations

    return GreatExpectations()


def suggest(data: str, *, table: str, name: str, directory: Path | None = None) -> dict[str, Any]:
    """A first suite for a data set, as it is named from a folder, by default the current one."""
    from mlops_ci.backends.data.sources import open_source
    from mlops_ci.backends.gx.suggest import suggest as from_profile

    found = open_source(data, directory=directory or Path.cwd(), table=table)
    return from_profile(found.profile(redact=()), name=name)


def table_head(path: Path) -> Head | None:
    """The columns and first rows of a table; None where it can't be read."""
    from mlops_ci.backends.data.table_head import table_head as head_of

    return head_of(path)


def source(model: Model, dataset: Dataset) -> DataSource:
    from mlops_ci.backends.data.sources import open_source

    return open_source(dataset.data, directory=model.directory, table=dataset.table, query=dataset.query)


def deployer(config: Config, environment: Environment) -> Deployer:
    """What serves an environment."""
    return TARGETS[environment.target](config, environment)


def served_here(config: Config) -> dict[tuple[str, str], Deployer]:
    """What `mlops-ci serve` looks after, by model and environment: what this machine is to serve, and what it does
    serve though the config does not name it any more."""
    from mlops_ci.backends.keeper.target import places

    named = {
        (model.name, environment.name): deployer(config, environment)
        for model in config.models.values()
        for environment in model.environments
        if environment.target in HERE
    }
    lost = {place: _docker(config) for place in places(_serving(config))}  # _docker ends processes, too
    return {**lost, **named}


def _serving(config: Config) -> Path:
    from mlops_ci.io.workspace import Workspace

    return Workspace(config.root).home / "serving"


def _local(config: Config, environment: Environment) -> Deployer:
    from mlops_ci.backends.keeper.local_target import local_target

    return local_target(_serving(config))


def _docker(config: Config, environment: Environment | None = None) -> Deployer:
    from mlops_ci.backends.docker.target import docker_target

    return docker_target(_serving(config), os.environ)


def _kserve(config: Config, environment: Environment) -> Deployer:
    from mlops_ci.backends.kserve.canary import kserve_target

    return kserve_target(environment, _kubeconfig())


def _kubeconfig() -> str:
    """The text of one where a secret gives it, which is no file; else the files that KUBECONFIG names."""
    text = os.environ.get("MLOPS_CI_KUBECONFIG", "").strip()
    return f"{text}\n" if text else os.environ.get("KUBECONFIG", "")


TARGETS: dict[str, Callable[[Config, Environment], Deployer]] = {"local": _local, "docker": _docker, "kserve": _kserve}
HERE = ("local", "docker")


def canary_target(config: Config, environment: Environment) -> CanaryTarget:
    """What splits an environment's traffic. Raises UsageError where its target moves all of it at once."""
    from mlops_ci.ports.deploying import CanaryTarget

    target = deployer(config, environment)
    if not isinstance(target, CanaryTarget):
        raise UsageError(
            f"environment '{environment.name}': the target '{environment.target}' has no canaries",
            hint="remove 'canary', or serve it with target: kserve and mode: Knative",
            docs="canary.md",
        )
    return target


def traffic_meter(environment: Environment) -> TrafficMeter:
    """What counts an environment's requests."""
    from mlops_ci.backends.prometheus_traffic import PrometheusTraffic

    return PrometheusTraffic(url=environment.options["prometheus"], namespace=environment.namespace)


def dock(config: Config, environment: Environment, *, sequence: int) -> Dock:
    """All that deploying to an environment needs."""
    from mlops_ci.serving import code
    from mlops_ci.stages.deploy import Dock
    from mlops_ci.stages.scoring import Home

    return Dock(
        home=Home(root=git(config).root, tracker=tracker(config), environments=environments()),
        registry=registry(config),
        deployer=deployer(config, environment),
        sequence=sequence,
        requirements=code.REQUIREMENTS,
        server_code=code.copy_into,
    )


def builder() -> Builder:
    from mlops_ci.backends.image.builder import ImageBuilder

    return ImageBuilder(cache=user_cache() / "images", environ=os.environ)


def yard(config: Config) -> Yard:
    """All that building needs."""
    from mlops_ci.io.workspace import Workspace
    from mlops_ci.serving import code
    from mlops_ci.stages.build import Yard

    return Yard(
        tracker=tracker(config),
        registry=registry(config),
        builder=builder(),
        workspace=Workspace(config.root),
        requirements=code.REQUIREMENTS,
        server_code=code.copy_into,
        source=git(config).origin_url(),
    )


def batch(config: Config, *, scratch: Path) -> Bench:
    """All that batch scoring needs; what is made meanwhile lies in `scratch`."""
    from mlops_ci.backends.keeper.kept_model import find_kept
    from mlops_ci.backends.scoring.scorer import SubprocessScorer
    from mlops_ci.io.workspace import Workspace
    from mlops_ci.ports.training import Interpreter
    from mlops_ci.records.models import Release
    from mlops_ci.serving.code import copy_into
    from mlops_ci.stages.score import Bench
    from mlops_ci.stages.scoring import Home

    workspace = Workspace(config.root)

    def kept(release: Release) -> tuple[Path, Interpreter] | None:
        found = find_kept(workspace.home / "serving", release)
        if found is None:
            return None
        return found[0], Interpreter(path=found[1], digest="", version="", description="kept to be served")

    return Bench(
        home=Home(root=git(config).root, tracker=tracker(config), environments=environments()),
        scorer=SubprocessScorer(environ=os.environ),
        kept=kept,
        server_code=copy_into,
        scratch=scratch,
        workspace=workspace,
    )


def batch_rows(wanted: Wanted) -> BatchRows:
    """The rows of what was named on the command line, from the folder it was named in."""
    from mlops_ci.backends.scoring.batch_input import open_rows

    return open_rows(wanted, directory=Path.cwd(), environ=os.environ)


def batch_output(place: str, *, scratch: Path) -> BatchOutput:
    """The folder or file that was named on the command line."""
    from mlops_ci.backends.scoring.batch_output import open_output

    return open_output(place, directory=Path.cwd(), scratch=scratch, environ=os.environ)


def production(model: Model, *, scratch: Path, reach: float = 0.0) -> Production:
    """What production saw of a model; copies of what lies elsewhere are kept in `scratch`."""
    from mlops_ci.backends.watch.production_rows import open_production

    return open_production(model, environ=os.environ, scratch=scratch, reach=reach)


def distances() -> Distances:
    from mlops_ci.backends.watch.evidently_drift import Evidently

    return Evidently()


def training_data() -> TrainingData:
    from mlops_ci.backends.watch.training_data import DuckTrainingData

    return DuckTrainingData()


def watch_scorer() -> WatchScorer:
    from mlops_ci.backends.scoring.scorer import SubprocessScorer

    return SubprocessScorer(environ=os.environ)


def survey(access: Access) -> Survey:
    """What tells how a repository at GitHub is set up."""
    try:
        from mlops_ci.backends.github.survey import Survey
    except ModuleNotFoundError as error:
        raise MissingExtra("github", str(error.name)) from None

    return Survey.of(access)


def dvc_remote(model: Model, root: Path, *, seconds: float) -> RemoteFacts:
    """The DVC remote of a model's pipeline, asked."""
    from mlops_ci.backends.dvc import reach as dvc_reach
    from mlops_ci.backends.dvc.command import DvcCommand

    folder = model.at(model.train.pipeline).parent
    return dvc_reach.remote(DvcCommand(root=root, folder=folder, home=root, environ=os.environ), seconds=seconds)


def tracking_facts(config: Config, uri: str, *, seconds: float) -> TrackingFacts:
    """MLflow's store, or its registry, asked; what takes its library may take `seconds`."""
    from mlops_ci.backends.mlflow import reach as mlflow_reach

    if uri.startswith(("http://", "https://")):
        what = mlflow_reach.TRACKING if uri == config.tracking.uri else mlflow_reach.REGISTRY
        return mlflow_reach.server(uri, os.environ, what=what)
    return mlflow_reach.by_library(uri, root=config.root, seconds=seconds)


def artifacts_answer(config: Config, place: str, *, seconds: float) -> str:
    """The place that MLflow's files are put in, once it has answered."""
    from mlops_ci.backends.mlflow import reach as mlflow_reach

    return mlflow_reach.by_library(place, root=config.root, seconds=seconds, artifacts=True).uri


def docker_version(*, here: bool) -> tuple[str, str]:
    """(version, address) of the Docker daemon, which must be this machine's where it serves `here`."""
    from mlops_ci.backends.docker.daemon import daemon
    from mlops_ci.backends.image.daemon import connected

    with (daemon if here else connected)(os.environ) as client:
        return str(client.version()["Version"]), str(client.api.base_url)


def cluster(environments: Sequence[tuple[Model, Environment]]) -> ClusterFacts:
    """One cluster's namespace, asked for all that these environments, which share it, take. Raises UsageError where
    no cluster is configured."""
    from mlops_ci.backends.kserve import rights as kserve_rights
    from mlops_ci.backends.kserve.kube_client import KubeClient
    from mlops_ci.backends.kserve.options import KserveOptions

    first = environments[0][1]
    options = KserveOptions.of(first.name, first.namespace, first.options)
    try:
        client = KubeClient.open(kubeconfig=_kubeconfig(), context=options.context)
    except BackendError as error:
        raise UsageError(error.message, hint=error.hint, docs=error.docs) from None
    services = tuple((model.name, environment.name) for model, environment in environments)
    return kserve_rights.look(client, services, options)


def user_cache() -> Path:
    """Where built environments are kept between runs: MLOPS_CI_CACHE, XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get("MLOPS_CI_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-ci"


def service_name() -> Callable[[str, str, str], str]:
    """What KServe's object of a model, an environment and a namespace is called."""
    from mlops_ci.backends.kserve.options import service_name as name_of

    return name_of
