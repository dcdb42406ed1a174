"""What `mlops-ci doctor` asks of the outside."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_ci.cli.wiring.serving import _kubeconfig
from mlops_ci.config.types import Config, Environment, Model
from mlops_ci.errors import BackendError, MissingExtra, UsageError

if TYPE_CHECKING:
    from mlops_ci.backends.github.survey import Survey
    from mlops_ci.records.doctor import ClusterFacts, RemoteFacts, TrackingFacts
    from mlops_ci.records.github import Access


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
