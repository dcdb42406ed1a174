"""The deployer killed, and the cluster gone, at each step: the next run ends the same."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends import kube_client
from mlops_ci.backends.kserve_service import Service
from mlops_ci.backends.kserve_target import Deploying
from mlops_ci.backends.kube_client import ClusterDown, KubeClient, Refused
from mlops_ci.backends.kube_lease import Lease
from mlops_ci.errors import BackendError
from tests.backends.deployer_contract import ENVIRONMENT, Stage
from tests.cluster.cluster import Cluster, Namespace
from tests.cluster.faults import door
from tests.cluster.kserve_stage import CHILD, NAME, stage_of, target_of
from tests.cluster.kubelet import Kubelet

pytestmark = pytest.mark.slow
KILLED = """\
import os, signal, sys
from pathlib import Path
from mlops_ci.backends import kserve_record, kserve_service, kserve_target, kube_lease
from tests.backends.deployer_contract import Stage
from tests.backends.toys import releases_of
from tests.cluster.kserve_stage import imaged, stage_of, target_of
from tests.cluster.cluster import Cluster, Namespace

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

config, namespace, url, step, *sources = sys.argv[1:]
owner, _, name = step.partition(".")
classes = {"Service": kserve_service.Service, "Deploying": kserve_target.Deploying, "Lease": kube_lease.Lease,
           "Memory": kserve_record.Memory}
setattr(classes[owner], name, die)
sources = [Path(source) for source in sources]
cluster = Cluster.of(Path(config))
target = target_of(Path(config), Namespace(name=namespace, api=cluster.api), url)
stage_of(target, [imaged(release) for release in releases_of(sources)], sources).deploy(1)
"""


@pytest.mark.parametrize(
    "step",
    ["Lease._write", "Deploying._rows", "Service.apply", "Deploying._follow", "Service.settle", "Memory.serves"],
)
def test_killed_at_any_step_the_next_run_ends_the_same(
    stage: Stage, cluster: Cluster, namespace: Namespace, node: Kubelet, step: str
) -> None:
    served, _ = stage.deploy(0)
    words = [sys.executable, "-W", "ignore", "-c", KILLED, cluster.kubeconfig, namespace.name, served.url, step]
    root = Path(__file__).parents[2]
    ended = subprocess.run([str(word) for word in [*words, *stage.sources]], cwd=root, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert stage.answer(served.url) in (1.0, 2.0), "somebody always serves"
    halfway = stage.serving()
    assert halfway is not None
    assert (halfway.release == stage.releases[0]) == (halfway.altered == ""), "what nobody has smoked is told"
    stage.deploy(1)
    assert stage.answer(served.url) == 2.0
    now = stage.serving()
    assert now is not None
    assert (now.release, now.altered) == (stage.releases[1], "")
    assert stage.deployer.recorded("toy", ENVIRONMENT) == (stage.releases[1], stage.releases[0])


@pytest.mark.parametrize(
    ("owner", "step"),
    [(Lease, "held"), (Deploying, "_rows"), (Service, "apply"), (Deploying, "_follow"), (Service, "settle")],
)
def test_the_cluster_goes_away_at_any_step_and_the_next_run_ends_the_same(
    stage: Stage,
    cluster: Cluster,
    namespace: Namespace,
    node: Kubelet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    step: str,
) -> None:
    served, _ = stage.deploy(0)
    monkeypatch.setattr(kube_client, "WAITS", (0.1,))
    original: Callable[..., Any] = getattr(owner, step)
    with door(cluster.api.url) as entrance:
        config = entrance.kubeconfig(cluster.kubeconfig, tmp_path)
        target = target_of(config, namespace, node.address(CHILD))
        through = stage_of(target, list(stage.releases), list(stage.sources))

        def shut_first(*args: Any, **options: Any) -> Any:
            entrance.shut.set()
            return original(*args, **options)

        monkeypatch.setattr(owner, step, shut_first)
        with pytest.raises(BackendError, match="does not answer") as caught:
            through.deploy(1)
        assert caught.value.hint == "nothing more was changed; run the same command again when it is up"
        monkeypatch.setattr(owner, step, original)
    assert stage.answer(served.url) in (1.0, 2.0), "somebody always serves"
    stage.deploy(1)
    assert stage.answer(served.url) == 2.0


def test_an_apply_whose_answer_was_lost_is_looked_for_and_not_sent_again(
    stage: Stage, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, sent = KubeClient.apply, []

    def lost(client: KubeClient, path: str, body: Any, **options: Any) -> Any:
        sent.append(original(client, path, body, **options))
        raise ClusterDown("the answer was lost")

    monkeypatch.setattr(KubeClient, "apply", lost)
    served, changed = stage.deploy(0)
    assert changed
    assert served.answering
    assert len(sent) == 1


def test_an_apply_that_the_server_broke_over_is_not_sent_again(
    stage: Stage, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def broken(client: KubeClient, path: str, body: Any, **options: Any) -> Any:
        sent.append(path)
        raise Refused(500, "the cluster refuses: failed to create typed patch object")

    monkeypatch.setattr(KubeClient, "apply", broken)
    with pytest.raises(BackendError, match="failed to create typed patch object"):
        stage.deploy(0)
    assert len(sent) == 1
    assert namespace.service(NAME) is None
