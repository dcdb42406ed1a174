"""The deployer killed, and the cluster gone, at each step: the next run ends the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.kserve import kube_client
from mlops_ci.backends.kserve.kube_client import ClusterDown, KubeClient, Refused
from mlops_ci.backends.kserve.kube_lease import Lease
from mlops_ci.backends.kserve.service import Service
from mlops_ci.backends.kserve.target import Deploying
from mlops_ci.errors import BackendError
from tests.backends.deployer_contract import Stage
from tests.cluster.cluster import Cluster, Namespace
from tests.cluster.faults import door
from tests.cluster.killed import STEPS, killed_then_run_again
from tests.cluster.kserve_stage import CHILD, NAME, stage_of, target_of
from tests.cluster.kubelet import Kubelet

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_next_run_ends_the_same(
    stage: Stage, cluster: Cluster, namespace: Namespace, node: Kubelet, step: str
) -> None:
    killed_then_run_again(stage, cluster, namespace, node.address(CHILD), [step])


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
