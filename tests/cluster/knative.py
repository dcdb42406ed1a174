"""Stands in for Knative Serving's controllers, which do not build beside these: revisions, routes, status, answers.

It looks at the Knative Services of one namespace that KServe's real controller makes, gives a changed template a new
revision, ready at once, and sends traffic as their `traffic` says, to real model servers. The route of a tag has an
address of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster.cluster import KNATIVE, Namespace
from tests.cluster.kubelet import Kubelet, Servers

LOOK = 0.05


class Knative(Kubelet):
    """`address(service)` answers for a service, `address(service, tag)` below it for one of its routes."""

    def __init__(self, namespace: Namespace, servers: Servers, models: Mapping[str, Path]) -> None:
        super().__init__(namespace, servers, models)
        self._revisions: dict[str, list[tuple[str, Any]]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """End the loop, too."""
        self._ended.set()
        self._thread.join()
        super().close()

    def ready_pods(self, service: str) -> list[Any]:
        """A hundred turns of a service, one for each percent of its traffic; of a tag's route, its revision."""
        name, _, tag = service.partition("/")
        found = self.namespace.api.get(self.namespace.path("services", name, group=KNATIVE))
        if found is None:
            return []
        specs = {revision: {"spec": template["spec"]} for revision, template in self._revisions.get(name, [])}
        routes = found.get("status", {}).get("traffic", [])
        if tag:
            return [specs[route["revisionName"]] for route in routes if route.get("tag") == tag]
        return [specs[route["revisionName"]] for route in routes for _ in range(route.get("percent", 0))]

    def _run(self) -> None:
        while not self._ended.wait(LOOK):
            found = self.namespace.api.get(self.namespace.path("services", group=KNATIVE))
            for service in found["items"]:
                self._reconcile(service)

    def _reconcile(self, service: Any) -> None:
        meta, spec = service["metadata"], service["spec"]
        if service.get("status", {}).get("observedGeneration") == meta["generation"]:
            return
        revisions = self._revisions.setdefault(meta["name"], [])
        if not revisions or revisions[-1][1] != spec["template"]:
            revisions.append((f"{meta['name']}-{len(revisions) + 1:05d}", spec["template"]))
        latest = revisions[-1][0]
        url = self.address(meta["name"])
        status = {
            "observedGeneration": meta["generation"],
            "conditions": [
                {"type": kind, "status": "True"} for kind in ("ConfigurationsReady", "Ready", "RoutesReady")
            ],
            "latestCreatedRevisionName": latest,
            "latestReadyRevisionName": latest,
            "traffic": [self._route(meta["name"], route, latest) for route in spec.get("traffic", [])],
            "url": url,
            "address": {"url": url},
        }
        path = self.namespace.path("services", meta["name"], group=KNATIVE)
        self.namespace.api.merge(f"{path}/status", {"status": status})

    def _route(self, name: str, route: Any, latest: str) -> dict[str, Any]:
        found = {**route, "revisionName": route.get("revisionName") or latest}
        if tag := route.get("tag"):
            found["url"] = self.address(f"{name}/{tag}")
        return found
