"""Releases served by this machine's Docker daemon, from real images, through every kind of end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.backends.docker_target import docker_target
from mlops_ci.backends.keeper_client import KeeperClient
from mlops_ci.backends.keeper_target import KeeperTarget
from mlops_ci.records.models import Release
from tests.backends.deployer_contract import ENVIRONMENT, DeployerContract, Stage
from tests.backends.toys import make_sources, releases_of
from tests.docker.daemon import Daemon
from tests.docker.images import server_image, with_image

pytestmark = [pytest.mark.slow]
NO_NETWORK = {"network": "none"}


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_sources(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def releases(
    daemon: Daemon, base_image: str, registry: str, sources: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> list[Release]:
    """The toy releases, each with an image in the registry and in the daemon."""
    server = server_image(daemon, base_image, tmp_path_factory.mktemp("server"))
    return [
        with_image(daemon, server, registry, release, source)
        for release, source in zip(releases_of(sources), sources, strict=True)
    ]


@pytest.fixture
def stage(
    daemon: Daemon, releases: list[Release], sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, daemon.environ[name])
    target = docker_target(tmp_path / "serving", daemon.environ)
    made = Stage(
        deployer=target, releases=list(releases), sources=sources, python=Path(sys.executable), options=NO_NETWORK
    )
    yield made
    target.delete("toy", ENVIRONMENT)
    assert daemon.docker("ps", "--all", "--quiet") == "", "no container is left"


def folder_of(stage: Stage) -> Path:
    assert isinstance(stage.deployer, KeeperTarget)
    return (stage.deployer.home / "toy" / ENVIRONMENT).resolve()


def keeper(stage: Stage) -> KeeperClient:
    return KeeperClient(folder=folder_of(stage))


class TestDockerTarget(DeployerContract):
    """The contract, in containers."""
