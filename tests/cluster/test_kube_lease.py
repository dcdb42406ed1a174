"""A Lease on a real API server: one holder, who is waited for, and followed where it was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_ci.backends.kserve.kube_client import KubeClient
from mlops_ci.backends.kserve.kube_lease import Lease
from mlops_ci.errors import BackendError
from tests.backends.toys import until
from tests.cluster.cluster import Cluster, Namespace

pytestmark = pytest.mark.slow
HOLD = """\
import sys
from mlops_ci.backends.kserve.kube_client import KubeClient
from mlops_ci.backends.kserve.kube_lease import Lease
client = KubeClient.open(kubeconfig=sys.argv[1], context="")
with Lease(client=client, namespace=sys.argv[2], name="toy", seconds=2).held(lambda line: None):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lease(cluster: Cluster, namespace: Namespace) -> Lease:
    client = KubeClient.open(kubeconfig=str(cluster.kubeconfig), context="")
    return Lease(client=client, namespace=namespace.name, name="toy", seconds=2, wait_seconds=4)


def holder(cluster: Cluster, namespace: Namespace) -> subprocess.Popen[str]:
    words = [sys.executable, "-W", "ignore", "-c", HOLD, str(cluster.kubeconfig), namespace.name]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str], *, kill: bool) -> None:
    if kill:
        process.kill()
    process.communicate()
    assert process.returncode == (-signal.SIGKILL if kill else 0)


def test_a_holder_is_waited_for_and_named(cluster: Cluster, namespace: Namespace, lease: Lease) -> None:
    other = holder(cluster, namespace)
    said: list[str] = []
    try:
        words = f"/{other.pid}/[0-9a-f]+ has been deploying here for more than 4 s"
        with pytest.raises(BackendError, match=words), lease.held(said.append):
            pytest.fail("it is held twice")
    finally:
        end(other, kill=False)
    assert len(said) == 1
    assert f"/{other.pid}/" in said[0]
    with lease.held(said.append) as holding:
        holding.check()
    assert len(said) == 1, "a holder that ended let it go"


def test_one_that_was_killed_is_followed(cluster: Cluster, namespace: Namespace, lease: Lease) -> None:
    end(holder(cluster, namespace), kill=True)
    with lease.held(lambda line: None) as holding:
        holding.check()


def test_a_lease_that_somebody_took_is_lost(namespace: Namespace, lease: Lease) -> None:
    with lease.held(lambda line: None) as holding:
        path = namespace.path("leases", "toy", group="/apis/coordination.k8s.io/v1")
        namespace.api.merge(path, {"spec": {"holderIdentity": "somebody"}})
        until(holding.lost.is_set)
        with pytest.raises(BackendError, match="the lease toy was lost"):
            holding.check()
    assert namespace.api.get(path)["spec"]["holderIdentity"] == "somebody"
