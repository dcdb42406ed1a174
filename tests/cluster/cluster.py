"""What a test does with a cluster."""

from __future__ import annotations

import base64
import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.api import Api, condition
from tests.cluster.control_plane import kubeconfig

SERVICES = "/apis/serving.kserve.io/v1beta1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
KNATIVE = "/apis/serving.knative.dev/v1"
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One cluster, as its administrator."""

    api: Api
    kubeconfig: Path

    @classmethod
    def of(cls, path: Path) -> Cluster:
        """From the administrator's kubeconfig."""
        known = json.loads(path.read_text("utf-8"))
        at, user = known["clusters"][0]["cluster"], known["users"][0]["user"]
        authority = base64.b64decode(at["certificate-authority-data"]).decode()
        return cls(api=Api(url=at["server"], authority=authority, token=user["token"]), kubeconfig=path)

    def namespace(self, hint: str = "test") -> Namespace:
        """A new one, ready for pods."""
        name = f"{hint}-{os.getpid()}-{next(_numbers)}"
        self.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
        self.api.wait(f"/api/v1/namespaces/{name}/serviceaccounts/default", lambda found: found)
        return Namespace(name=name, api=self.api)


@dataclass(frozen=True, kw_only=True)
class Namespace:
    """One namespace and what is in it."""

    name: str
    api: Api

    def path(self, plural: str, name: str = "", *, group: str = "/api/v1") -> str:
        """The path of a kind's objects, or of one."""
        return f"{group}/namespaces/{self.name}/{plural}" + (f"/{name}" if name else "")

    def service_path(self, name: str) -> str:
        """The path of an InferenceService."""
        return self.path("inferenceservices", name, group=SERVICES)

    def service(self, name: str) -> Any:
        """An InferenceService; None where it is not there."""
        return self.api.get(self.service_path(name))

    def deployment(self, name: str) -> Any:
        """A Deployment; None where it is not there."""
        return self.api.get(self.path("deployments", name, group="/apis/apps/v1"))

    def ready(self, name: str) -> Any:
        """An InferenceService as soon as it says `Ready`."""
        return self.api.wait(self.service_path(name), lambda found: condition(found, "Ready") == "True")

    def account(self, name: str, rules: Sequence[dict[str, Any]], folder: Path) -> Path:
        """The kubeconfig of a service account that may do what `rules` of a Role say, here and nothing else."""
        self.api.create(self.path("serviceaccounts"), {"metadata": {"name": name}})
        self.api.create(self.path("roles", group=RBAC), {"metadata": {"name": name}, "rules": list(rules)})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": self.name}
        binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
        self.api.create(self.path("rolebindings", group=RBAC), binding)
        return self.kubeconfig_of(name, folder)

    def kubeconfig_of(self, account: str, folder: Path) -> Path:
        """The kubeconfig of a service account that is there, with a token of an hour."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        }
        token = self.api.create(f"{self.path('serviceaccounts', account)}/token", request)["status"]["token"]
        path = folder / f"{account}.kubeconfig"
        theirs = Api(url=self.api.url, authority=self.api.authority, token=token)
        path.write_text(kubeconfig(theirs, self.name), encoding="utf-8")
        return path

    def knative(self, name: str, *, revision: str, traffic: dict[str, int], ready: bool = True) -> None:
        """Answer as Knative would for the service behind an InferenceService in Knative mode.

        `revision` is the latest one created, and the latest ready one where `ready`; `traffic` is in percent.
        KServe's controller reads this from the status of the Knative service that it made.
        """
        path = self.path("services", f"{name}-predictor", group=KNATIVE)
        made = self.api.wait(path, lambda found: found)
        address = f"http://{name}-predictor.{self.name}.example.com"
        before = made.get("status", {}).get("latestReadyRevisionName", "")
        state = "True" if ready else "Unknown"
        status = {
            "observedGeneration": made["metadata"]["generation"],
            "conditions": [
                {"type": "ConfigurationsReady", "status": state},
                {"type": "Ready", "status": state},
                {"type": "RoutesReady", "status": "True"},
            ],
            "latestCreatedRevisionName": revision,
            "latestReadyRevisionName": revision if ready else before,
            "traffic": [
                {"revisionName": one, "percent": share, "latestRevision": one == revision}
                for one, share in traffic.items()
            ],
            "url": address,
            "address": {"url": address},
        }
        self.api.merge(f"{path}/status", {"status": status})
