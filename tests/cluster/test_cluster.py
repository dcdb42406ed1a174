"""The cluster itself: what the tests of the KServe target stand on, pinned as it was found."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import holder, parts
from tests.cluster.api import Api, ApiError, condition
from tests.cluster.cluster import Cluster, Namespace
from tests.cluster.control_plane import NEVER_READY

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def service(name: str, image: str = "registry.invalid/toy:1", **annotations: str) -> dict[str, Any]:
    """An InferenceService of one container."""
    predictor = {"containers": [{"name": "kserve-container", "image": image}]}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"predictor": predictor},
    }


def knative(name: str, **fields: int) -> dict[str, Any]:
    """The same in Knative mode, with fields of its predictor."""
    made = service(name)
    made["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "Knative"}
    made["spec"]["predictor"].update(fields)
    return made


def test_the_same_apply_twice_changes_nothing(namespace: Namespace) -> None:
    path = namespace.service_path("toy")
    namespace.api.apply(path, service("toy"))
    before = namespace.ready("toy")["metadata"]["resourceVersion"]
    assert namespace.api.apply(path, service("toy"))["metadata"]["resourceVersion"] == before


def test_an_unknown_field_is_answered_with_500(namespace: Namespace) -> None:
    broken = service("toy")
    broken["spec"]["predictor"]["replicas"] = 2
    with pytest.raises(ApiError, match="field not declared in schema") as caught:
        namespace.api.apply(namespace.service_path("toy"), broken)
    assert caught.value.status == 500


def test_ready_stays_true_through_an_update_whose_pods_never_become_ready(namespace: Namespace) -> None:
    path = namespace.service_path("toy")
    namespace.api.apply(path, service("toy"))
    namespace.ready("toy")
    namespace.api.apply(path, service("toy", image=f"registry.invalid/{NEVER_READY}/toy:2"))
    deployment = namespace.path("deployments", "toy-predictor", group="/apis/apps/v1")
    namespace.api.wait(deployment, lambda found: found["status"].get("unavailableReplicas") == 1)
    seen = namespace.service("toy")
    assert condition(seen, "Ready") == "True"
    assert condition(seen, "PredictorReady") == "True"
    assert seen["status"]["modelStatus"]["states"]["targetModelState"] == "Loaded"
    status = namespace.deployment("toy-predictor")["status"]
    assert (status["updatedReplicas"], status["readyReplicas"]) == (1, 1)


def test_in_knative_mode_kserve_splits_what_the_test_lets_be_ready(namespace: Namespace) -> None:
    path = namespace.service_path("toy")
    namespace.api.apply(path, knative("toy"))
    namespace.knative("toy", revision="toy-predictor-00001", traffic={"toy-predictor-00001": 100})
    namespace.ready("toy")
    assert namespace.service("toy")["status"]["components"]["predictor"]["latestRolledoutRevision"] == (
        "toy-predictor-00001"
    )
    namespace.api.apply(path, knative("toy", canaryTrafficPercent=10))
    asked = namespace.api.wait(
        namespace.path("services", "toy-predictor", group="/apis/serving.knative.dev/v1"),
        lambda found: len(found["spec"]["traffic"]) == 2,
    )
    assert [(one.get("revisionName"), one["percent"]) for one in asked["spec"]["traffic"]] == [
        (None, 10),
        ("toy-predictor-00001", 90),
    ]


def test_an_account_may_do_what_its_rules_say_and_nothing_else(namespace: Namespace, tmp_path: Path) -> None:
    rules = [{"apiGroups": ["serving.kserve.io"], "resources": ["inferenceservices"], "verbs": ["get"]}]
    theirs = Cluster.of(namespace.account("reader", rules, tmp_path)).api
    assert theirs.get(namespace.service_path("toy")) is None
    assert forbidden(theirs, namespace.path("secrets"))
    assert forbidden(theirs, "/apis/serving.kserve.io/v1beta1/namespaces/default/inferenceservices/toy")


def forbidden(api: Api, path: str) -> bool:
    with pytest.raises(ApiError) as caught:
        api.call("GET", path)
    return caught.value.status == 403


def test_kubectl_reads_the_same(cluster: Cluster, namespace: Namespace) -> None:
    kubectl = parts.program(parts.home(os.environ), "kubectl")
    words = [str(kubectl), "--kubeconfig", str(cluster.kubeconfig), "get", "namespace", namespace.name, "-o", "json"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert json.loads(said)["metadata"]["name"] == namespace.name


RUN = """\
import fcntl, os, signal, sys
from pathlib import Path
from tests.cluster import fixtures, holder, parts
folder = Path(sys.argv[1])
users = open(folder / holder.USERS, "w")
fcntl.flock(users, fcntl.LOCK_SH)
fixtures._ready(folder, parts.home(os.environ))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_that_is_killed_leaves_no_process(cluster: Cluster, tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", RUN, str(tmp_path)], cwd=ROOT, capture_output=True)
    assert ended.returncode == -9, ended.stderr
    while (tmp_path / holder.READY).exists():
        os.sched_yield()
    with open(tmp_path / holder.USERS, "w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)  # waits until the holder, which has the lock alone now, has gone
    (run,) = tmp_path.glob("run-*")
    assert working_in(run) == []


def working_in(folder: Path) -> list[str]:
    """Processes whose working directory is `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve().is_relative_to(folder):
                found.append((process / "comm").read_text())
        except OSError:
            continue
    return found
