"""When a release serves: pure verdicts on what the cluster says, and how long they are waited for.

`Ready=True` of an InferenceService is not among them: it stays so through an update whose pods never start. In
Standard mode the Deployment is asked, in Knative mode the Knative Service, and both must be made of our manifest,
which they show by its digest among the annotations that KServe hands on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.backends.kserve.kube_client import KubeClient
from mlops_ci.backends.kserve.manifest import MANIFEST, annotations_of
from mlops_ci.backends.kserve.options import KNATIVE
from mlops_ci.errors import GateFailed
from mlops_ci.io import clock
from mlops_ci.ports.say import Say

STEP = 0.5


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How far it is, in words; `failed` where it won't get further by itself."""

    ready: bool = False
    failed: bool = False
    words: str = ""


def child_path(manifest: Mapping[str, Any], mode: str) -> str:
    """Where the object is that KServe makes of it, and that decides."""
    group, plural = ("serving.knative.dev/v1", "services") if mode == KNATIVE else ("apps/v1", "deployments")
    meta = manifest["metadata"]
    return f"/apis/{group}/namespaces/{meta['namespace']}/{plural}/{meta['name']}-predictor"


def rollout(manifest: Mapping[str, Any], child: Mapping[str, Any] | None, mode: str) -> Rollout:
    """How far the manifest has come."""
    if child is None:
        return Rollout(words="KServe has made nothing of it yet")
    template = child.get("spec", {}).get("template", {})
    if annotations_of(template).get(MANIFEST) != annotations_of(manifest)[MANIFEST]:
        return Rollout(words="KServe has not taken it over yet")
    if child.get("status", {}).get("observedGeneration", 0) < child["metadata"]["generation"]:
        return Rollout(words="its controller has not looked yet")
    if mode == KNATIVE:
        return knative(child, manifest["spec"]["predictor"].get("canaryTrafficPercent", 100))
    return standard(child)


def standard(deployment: Mapping[str, Any]) -> Rollout:
    """A Deployment's: all replicas updated and available, none of before left, and it says itself that it is done."""
    status, wanted = deployment["status"], deployment["spec"].get("replicas", 1)
    progressing = _condition(status, "Progressing")
    for found, bad in ((_condition(status, "ReplicaFailure"), "True"), (progressing, "False")):
        if found.get("status") == bad:
            return Rollout(failed=True, words=f"{found.get('reason', '')}: {found.get('message', '')}")
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    words = f"{updated} of {wanted} pods updated, {available} available, {status.get('replicas', 0)} in all"
    done = progressing.get("reason") == "NewReplicaSetAvailable"
    return Rollout(ready=done and wanted == updated == available == status.get("replicas", 0), words=words)


def knative(service: Mapping[str, Any], percent: int) -> Rollout:
    """A Knative Service's: the latest revision is ready, and has the share of traffic that was asked for."""
    status = service["status"]
    created, ready = status.get("latestCreatedRevisionName", ""), status.get("latestReadyRevisionName", "")
    made = _condition(status, "ConfigurationsReady")
    if made.get("status") == "False":
        return Rollout(failed=True, words=f"{made.get('reason', '')}: {made.get('message', '')}")
    share = sum(one.get("percent") or 0 for one in status.get("traffic") or [] if one.get("revisionName") == created)
    words = f"revision {created or '(none)'} has {share}% of the traffic, and {ready or 'none'} is the latest ready one"
    return Rollout(ready=bool(created) and created == ready and share == percent, words=words)


def current_percent(service: Mapping[str, Any] | None) -> int:
    """The share of traffic that the latest revision of a Knative Service has; 0 where there is none."""
    status = (service or {}).get("status", {})
    latest = status.get("latestCreatedRevisionName")
    return sum(one.get("percent") or 0 for one in status.get("traffic") or [] if one.get("revisionName") == latest)


def wait(
    client: KubeClient, manifest: Mapping[str, Any], mode: str, *, seconds: float, check: Callable[[], None], say: Say
) -> None:
    """Until it is ready; `check` is called before each look. Raises GateFailed where it fails or takes too long."""
    path, ends, told = child_path(manifest, mode), clock.stopwatch() + seconds, ""
    while True:
        check()
        found = rollout(manifest, client.get(path), mode)
        if found.ready:
            return
        if found.failed:
            raise GateFailed(f"the rollout failed: {found.words}")
        if clock.stopwatch() >= ends:
            raise GateFailed(f"it is not ready within {seconds:g} s: {found.words}")
        if found.words != told:
            say(found.words)
            told = found.words
        clock.sleep(STEP)


def _condition(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next((one for one in status.get("conditions") or [] if one.get("type") == name), {})
