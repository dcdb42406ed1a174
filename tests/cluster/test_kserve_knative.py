"""Knative mode: KServe's own controller, and a test that answers as Knative's would."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.backends.kserve.target import KserveTarget
from mlops_ci.errors import GateFailed
from mlops_ci.records.models import Release
from tests.backends.deployer_contract import DeployerContract, Stage
from tests.cluster.cluster import Cluster, Namespace
from tests.cluster.killed import STEPS, killed_then_run_again
from tests.cluster.knative import Knative
from tests.cluster.kserve_stage import CHILD, NAME, stage_of, target_of
from tests.serving.servers import Running, launch

pytestmark = pytest.mark.slow
KNATIVE = "/apis/serving.knative.dev/v1"


@pytest.fixture
def server(sources: list[Path], tmp_path: Path) -> Iterator[Running]:
    """What the address leads to: the first model."""
    running = launch(tmp_path / "server", sources[0] / "model", "toy").started()
    yield running
    running.end(signal.SIGKILL)


@pytest.fixture
def knative(
    cluster: Cluster, namespace: Namespace, releases: list[Release], sources: list[Path], server: Running
) -> Stage:
    """The target, whose revisions are ready as soon as it waits for them."""
    url = f"http://127.0.0.1:{server.port}"
    target = target_of(cluster.kubeconfig, namespace, url, mode="Knative", ready_seconds=20)
    made = stage_of(target, releases, sources)
    made.say = lambda line: ready(namespace) if "controller has not looked" in line or "revision" in line else None
    return made


def ready(namespace: Namespace) -> None:
    """The latest revision gets all the traffic."""
    generation = namespace.api.get(namespace.path("services", CHILD, group=KNATIVE))["metadata"]["generation"]
    revision = f"{CHILD}-{generation:05}"
    namespace.knative(NAME, revision=revision, traffic={revision: 100})


class TestKnativeMode(DeployerContract):
    """The contract in Knative mode without a canary: each revision gets all traffic once it is ready."""

    @pytest.fixture
    def stage(
        self,
        cluster: Cluster,
        namespace: Namespace,
        revisions: Knative,
        releases: list[Release],
        sources: list[Path],
    ) -> Stage:
        target = target_of(cluster.kubeconfig, namespace, revisions.address(CHILD), mode="Knative")
        return stage_of(target, releases, sources)


def test_killed_at_one_step_after_the_other_the_last_run_ends_the_same(
    cluster: Cluster, namespace: Namespace, revisions: Knative, releases: list[Release], sources: list[Path]
) -> None:
    url = revisions.address(CHILD)
    target = target_of(cluster.kubeconfig, namespace, url, mode="Knative")
    stage = stage_of(target, releases, sources)
    killed_then_run_again(stage, cluster, namespace, url, STEPS, mode="Knative")


def test_a_revision_serves_once_it_is_ready_and_has_the_traffic(knative: Stage, namespace: Namespace) -> None:
    served, changed = knative.deploy(0)
    assert (changed, served.answering, served.altered) == (True, True, "")
    assert "canaryTrafficPercent" not in namespace.service(NAME)["spec"]["predictor"]
    before = namespace.service(NAME)["metadata"]["resourceVersion"]
    assert knative.deploy(0)[1] is False
    assert namespace.service(NAME)["metadata"]["resourceVersion"] == before


def test_a_revision_that_is_not_ready_is_taken_back(knative: Stage, namespace: Namespace) -> None:
    knative.deploy(0)
    first = namespace.service(NAME)["metadata"]["annotations"]["mlops-ci/manifest"]
    assert isinstance(knative.deployer, KserveTarget)
    told: list[str] = []

    def say(line: str) -> None:
        told.append(line)
        if "controller has not looked" in line:
            back = "going back to what served before" in told
            if back:
                ready(namespace)
            else:
                revision = f"{CHILD}-broken"
                namespace.knative(NAME, revision=revision, traffic={f"{CHILD}-00001": 100}, ready=False)
        elif "going back" in told and "revision" in line:
            ready(namespace)

    knative.say = say
    with pytest.raises(GateFailed, match=rf"not ready within 20 s: revision {CHILD}-broken has 0% of the traffic"):
        knative.deploy(1)
    assert namespace.service(NAME)["metadata"]["annotations"]["mlops-ci/manifest"] == first
