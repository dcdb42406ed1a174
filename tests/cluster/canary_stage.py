"""Fixtures: a KServe target with a canary in Knative mode, with real model servers behind simulated revisions."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.backends.kserve.canary import KserveCanaryTarget
from mlops_ci.config.types import Environment
from mlops_ci.records.canary import Canary
from mlops_ci.records.models import Release
from tests.backends.deployer_contract import ENVIRONMENT, Stage
from tests.cluster.cluster import Cluster, Namespace
from tests.cluster.knative import Knative
from tests.cluster.kubelet import Servers

NAME = f"toy-{ENVIRONMENT}"
ASKED = {"steps": [10, 50], "window": "1s", "min_requests": 20}
COUNTED = (
    'sum(mlops_requests_total{{route="predict"}} * on (instance) group_left mlops_model_info{{digest="{digest}"}})'
)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with contextlib.closing(Servers(tmp_path_factory.mktemp("servers"), "toy")) as found:
        yield found


@pytest.fixture
def revisions(
    namespace: Namespace, releases: list[Release], sources: list[Path], servers: Servers
) -> Iterator[Knative]:
    images = [release.image_reference for release in releases]
    models = {image: source / "model" for image, source in zip(images, sources, strict=True)}
    with contextlib.closing(Knative(namespace, servers, models)) as running:
        yield running


@pytest.fixture
def canaries(
    cluster: Cluster, namespace: Namespace, revisions: Knative, releases: list[Release], sources: list[Path]
) -> Stage:
    """Where a release beside another begins as a canary."""
    options = {
        "mode": "Knative",
        "url": revisions.address(f"{NAME}-predictor"),
        "ready_seconds": 30,
        "canary": ASKED,
    }
    environment = Environment(name=ENVIRONMENT, target="kserve", namespace=namespace.name, options=options)
    target = KserveCanaryTarget(environment, str(cluster.kubeconfig))
    return Stage(deployer=target, releases=list(releases), sources=sources, python=Path(sys.executable))


def target_of(stage: Stage) -> KserveCanaryTarget:
    assert isinstance(stage.deployer, KserveCanaryTarget)
    return stage.deployer


def canary_of(stage: Stage) -> Canary:
    found = target_of(stage).canary("toy", ENVIRONMENT)
    assert found is not None
    return found


def percent(namespace: Namespace) -> int | None:
    """What the InferenceService asks for; None for all."""
    found = namespace.service(NAME)["spec"]["predictor"]
    share: int | None = found.get("canaryTrafficPercent")
    return share


def answers(stage: Stage, url: str, count: int = 100) -> dict[float, int]:
    """Who answers a hundred requests, one after the other: in turns, as the stand-in routes them."""
    found = [stage.answer(url) for _ in range(count)]
    return {value: found.count(value) for value in set(found)}
