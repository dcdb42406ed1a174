"""Fixtures: a KServe target in a namespace of its own, with real model servers behind simulated pods."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.backends.kserve.options import service_name
from mlops_ci.backends.kserve.target import KserveTarget
from mlops_ci.config.types import Environment
from mlops_ci.records.models import Release
from tests.backends.deployer_contract import ENVIRONMENT, Stage
from tests.backends.toys import make_sources, releases_of
from tests.cluster.cluster import Cluster, Namespace
from tests.cluster.control_plane import NEVER_READY
from tests.cluster.kubelet import Kubelet, kubelet

NAME = f"toy-{ENVIRONMENT}"
CHILD = f"{NAME}-predictor"
OWN = f"mlops-ci-{NAME}"
IMAGE = "registry.invalid/toy"


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_sources(tmp_path_factory.mktemp("models"))


def imaged(release: Release, image: str = IMAGE) -> Release:
    """A release with an image of its own."""
    return dataclasses.replace(release, image=image, image_digest=f"sha256:{release.version * 64}")


def stuck(release: Release) -> Release:
    """The same in an image whose pods never become ready."""
    return dataclasses.replace(release, image=f"registry.invalid/{NEVER_READY}/toy")


@pytest.fixture(scope="session")
def releases(sources: list[Path]) -> list[Release]:
    return [imaged(release) for release in releases_of(sources)]


@pytest.fixture
def node(namespace: Namespace, releases: list[Release], sources: list[Path], tmp_path: Path) -> Iterator[Kubelet]:
    assert service_name("toy", ENVIRONMENT, namespace.name) == NAME
    digests = [release.image_digest for release in releases]
    models = {digest: source / "model" for digest, source in zip(digests, sources, strict=True)}
    with kubelet(namespace, tmp_path, "toy", models) as running:
        yield running


def target_of(kubeconfig: Path, namespace: Namespace, url: str, **options: object) -> KserveTarget:
    """A target whose lease is short, so that whoever follows one that was killed waits for seconds."""
    known = {"url": url, "ready_seconds": 60, **options}
    environment = Environment(name=ENVIRONMENT, target="kserve", namespace=namespace.name, options=known)
    return KserveTarget(environment, str(kubeconfig), lease_seconds=3)


def stage_of(target: KserveTarget, releases: list[Release], sources: list[Path]) -> Stage:
    return Stage(deployer=target, releases=list(releases), sources=sources, python=Path(sys.executable))


@pytest.fixture
def stage(cluster: Cluster, namespace: Namespace, node: Kubelet, releases: list[Release], sources: list[Path]) -> Stage:
    return stage_of(target_of(cluster.kubeconfig, namespace, node.address(CHILD)), releases, sources)
