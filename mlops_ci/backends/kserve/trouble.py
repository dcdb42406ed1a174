"""Why pods don't start, in the cluster's own words: their containers' states, their events, their last lines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_ci.backends.kserve.kube_client import KubeClient
from mlops_ci.backends.kserve.manifest import CONTAINER, MANIFEST, annotations_of
from mlops_ci.errors import BackendError

PODS = 2
EVENTS, LINES = 5, 20


def pods(client: KubeClient, namespace: str, name: str) -> list[dict[str, Any]]:
    """The pods of a service."""
    selector = f"serving.kserve.io/inferenceservice={name}"
    found = client.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)
    items: list[dict[str, Any]] = (found or {}).get("items", [])
    return items


def restarts(client: KubeClient, namespace: str, name: str) -> int:
    """How often its model servers have been started again; 0 where that can't be read."""
    try:
        found = pods(client, namespace, name)
    except BackendError:
        return 0
    return sum(int(status.get("restartCount", 0)) for pod in found for status in _statuses(pod))


def told(client: KubeClient, manifest: Mapping[str, Any]) -> list[str]:
    """What there is to say of the manifest's pods, those first that are not ready. What can't be read is left out."""
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    lines: list[str] = []
    with contextlib.suppress(BackendError):
        own = [
            pod
            for pod in pods(client, namespace, name)
            if annotations_of(pod).get(MANIFEST) == annotations_of(manifest)[MANIFEST]
        ]
        for pod in sorted(own, key=_ready)[:PODS]:
            lines += _of(client, namespace, pod)
    return lines


def _of(client: KubeClient, namespace: str, pod: Mapping[str, Any]) -> Iterator[str]:
    name = pod["metadata"]["name"]
    yield f"pod {name}: {pod.get('status', {}).get('phase', 'unknown')}"
    again = False
    for status in _statuses(pod):
        again = again or bool(status.get("restartCount"))
        for state in ("waiting", "terminated"):
            if found := (status.get("state") or {}).get(state):
                why = f"{found.get('reason', '')} {found.get('message', '')}"
                yield f"  {status.get('name')} is {state}: {why}".rstrip()
    with contextlib.suppress(BackendError):
        events = client.get(f"/api/v1/namespaces/{namespace}/events", fieldSelector=f"involvedObject.name={name}")
        warnings = [one for one in (events or {}).get("items", []) if one.get("type") == "Warning"]
        for event in warnings[-EVENTS:]:
            yield f"  {event.get('reason', '')}: {event.get('message', '')}"
    with contextlib.suppress(BackendError):
        query = {"container": CONTAINER, "tailLines": str(LINES), "previous": "true" if again else "false"}
        text = client.text(f"/api/v1/namespaces/{namespace}/pods/{name}/log", **query)
        if text.strip():
            yield "its last lines:"
            yield from (f"| {line}" for line in text.splitlines()[-LINES:])


def _ready(pod: Mapping[str, Any]) -> bool:
    return any(
        one.get("type") == "Ready" and one.get("status") == "True"
        for one in pod.get("status", {}).get("conditions") or []
    )


def _statuses(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    status = pod.get("status", {})
    found: list[dict[str, Any]] = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    return found
