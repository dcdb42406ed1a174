"""`canary tick` killed between the change on the cluster and the record of it: the next one ends the same."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_ci.io import clock
from mlops_ci.records.canary import Canary, Outcome
from mlops_ci.stages.canary import lasted
from tests.backends.deployer_contract import ENVIRONMENT, Stage
from tests.backends.prometheus_server import prometheus
from tests.backends.toys import until
from tests.cluster.canary_stage import COUNTED, NAME, answers, canary_of, percent
from tests.cluster.cluster import Cluster, Namespace
from tests.cluster.kubelet import Servers
from tests.e2e.paused import paused
from tests.e2e.person import Person

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
MOVED = "before mlops_ci.backends.kserve.canary:_recorded"  # the cluster has it, and nobody has written it down
CONFIG = """\
version: 1
models:
  toy:
    build: {{image: registry.invalid/toy}}
    environments:
      production:
        target: kserve
        namespace: {namespace}
        mode: Knative
        url: {url}
        prometheus: {prometheus}
        canary: {{window: 1s, deadline: {deadline}, min_requests: 20}}
"""


def operator(home: Path, cluster: Cluster, **config: str) -> Person:
    """Somebody whose schedule calls `canary tick`."""
    person = Person(home, {"KUBECONFIG": str(cluster.kubeconfig)})
    person.write("mlops.yaml", CONFIG.format(**config))
    person.write("dvc.yaml", "stages: {train: {cmd: 'true', outs: [model]}}\n")
    person.git("init", "-q", "-b", "main")
    person.commit("Config")
    return person


def killed_in_a_tick(person: Person, stage: Stage, namespace: Namespace) -> None:
    """Kill one whose window is over; the lease that it held runs out after a second."""
    before = canary_of(stage)
    until(lambda: lasted(before, clock.now()) >= timedelta(seconds=1))
    with paused(person, MOVED, "canary", "tick") as child:
        child.send_signal(signal.SIGKILL)
    assert canary_of(stage) == before, "the record says what was before"
    lease = namespace.path("leases", f"mlops-ci-{NAME}", group="/apis/coordination.k8s.io/v1")
    namespace.api.merge(lease, {"spec": {"leaseDurationSeconds": 1}})


def standing(canary: Canary) -> tuple[int, Outcome]:
    return canary.percent, canary.outcome


def test_killed_while_its_share_grows(
    canaries: Stage, servers: Servers, cluster: Cluster, namespace: Namespace, tmp_path: Path
) -> None:
    stage = canaries
    served, _ = stage.deploy(0)
    with prometheus(tmp_path) as watcher:
        config = {"namespace": namespace.name, "url": served.url, "prometheus": watcher.url, "deadline": "1h"}
        person = operator(tmp_path / "r", cluster, **config)
        watcher.look_at(([servers.port(source / "model") for source in stage.sources], {}))
        watcher.until("count(mlops_model_info)", 2)
        stage.deploy(1)
        for share, requests, then in (
            (50, 300, (50, Outcome.RUNNING)),
            (None, 80, (100, Outcome.PROMOTED)),
        ):
            counts = [COUNTED.format(digest=release.model_digest) for release in stage.releases]
            before = [watcher.ask(count) for count in counts]
            shares = answers(stage, served.url, requests)
            for count, earlier, value in zip(counts, before, (1.0, 2.0), strict=True):
                watcher.until(f"{count} >= bool {earlier + shares[value]}", 1)
            killed_in_a_tick(person, stage, namespace)
            assert percent(namespace) == share, "traffic was moved"
            person.mlops("canary", "tick")
            assert (percent(namespace), standing(canary_of(stage))) == (share, then)
    now = stage.serving()
    assert now is not None
    assert (now.release, now.answering, now.altered) == (stage.releases[1], True, "")
    assert stage.deployer.recorded("toy", ENVIRONMENT) == (stage.releases[1], stage.releases[0])
    assert answers(stage, served.url, 10) == {2.0: 10}
    assert "no canary is under way" in person.mlops("canary", "tick")


def test_killed_while_it_is_rolled_back(
    canaries: Stage, cluster: Cluster, namespace: Namespace, tmp_path: Path
) -> None:
    stage = canaries
    served, _ = stage.deploy(0)
    stage.deploy(1)
    unknown = {"prometheus": "http://127.0.0.1:1", "deadline": "1s"}  # what can't be measured is taken back in the end
    person = operator(tmp_path / "r", cluster, namespace=namespace.name, url=served.url, **unknown)
    killed_in_a_tick(person, stage, namespace)
    assert percent(namespace) == 0, "traffic was taken away"
    person.mlops("canary", "tick", expect=10)
    assert (percent(namespace), standing(canary_of(stage))) == (0, (0, Outcome.ROLLED_BACK))
    assert answers(stage, served.url, 20) == {1.0: 20}
    now = stage.serving()
    assert now is not None
    assert (now.release, now.altered) == (stage.releases[0], "")
