"""Images, and where releases are served."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_ci.cli.wiring.forges import git
from mlops_ci.cli.wiring.scoring import server_trial
from mlops_ci.cli.wiring.stores import registry, tracker, user_cache
from mlops_ci.cli.wiring.training import environments
from mlops_ci.config.types import Config, Environment
from mlops_ci.errors import UsageError

if TYPE_CHECKING:
    from mlops_ci.ports.building import Builder
    from mlops_ci.ports.deploying import CanaryTarget, Deployer, TrafficMeter
    from mlops_ci.stages.build import Yard
    from mlops_ci.stages.deploy import Dock


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
        root=git(config).root,
        environments=environments(),
        trial=server_trial(),
        tracker=tracker(config),
        registry=registry(config),
        builder=builder(),
        workspace=Workspace(config.root),
        requirements=code.REQUIREMENTS,
        server_code=code.copy_into,
        source=git(config).origin_url(),
    )


def service_name() -> Callable[[str, str, str], str]:
    """What KServe's object of a model, an environment and a namespace is called."""
    from mlops_ci.backends.kserve.options import service_name as name_of

    return name_of
