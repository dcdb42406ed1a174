"""KServe's own controller and webhooks in a cluster, configured as its release is, without a gateway."""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import Any

from tests.cluster.control_plane import ControlPlane
from tests.cluster.processes import free_ports

NAMESPACE = "kserve"
KNATIVE = "knative-serving"
KNATIVE_SETTINGS = ("config-autoscaler", "config-deployment")  # KServe reads them; empty means Knative's defaults
HOOKS = {
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}
SERVING = "/apis/serving.kserve.io/v1alpha1"


def start(plane: ControlPlane) -> None:
    """Up to an answering webhook. Services are Standard by default, Knative where their annotation says so."""
    _configure(plane)
    hooks, metrics, health = free_ports(3)
    home = plane.folder / "kserve"
    certificates = home / "k8s-webhook-server" / "serving-certs"
    certificates.mkdir(parents=True)
    certificate, key = plane.authority.server("webhook")
    (certificates / "tls.crt").write_bytes(certificate.read_bytes())
    (certificates / "tls.key").write_bytes(key.read_bytes())
    plane.run(
        "kserve-manager",
        [
            *(f"--webhook-port={hooks}", f"--metrics-addr=127.0.0.1:{metrics}"),
            f"--health-probe-addr=127.0.0.1:{health}",
        ],
        {"KUBECONFIG": str(plane.kubeconfig), "POD_NAMESPACE": NAMESPACE, "TMPDIR": str(home)},
    )
    plane.processes.wait("kserve-manager", lambda: _ready(health))
    for configuration in plane.objects["webhooks"]:
        path = f"/apis/admissionregistration.k8s.io/v1/{HOOKS[configuration['kind']]}"
        plane.api.create(path, _on_loopback(configuration, hooks, plane.authority.certificate.read_bytes()))


def _configure(plane: ControlPlane) -> None:
    labels = {"control-plane": "kserve-controller-manager"}
    plane.api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE, "labels": labels}})
    settings = plane.objects["settings"]
    settings["metadata"]["namespace"] = NAMESPACE
    data = settings["data"]
    data.pop("_example", None)
    ingress = {**json.loads(data["ingress"]), "disableIstioVirtualHost": True, "disableIngressCreation": True}
    data["ingress"] = json.dumps(ingress)
    data["deploy"] = json.dumps({"defaultDeploymentMode": "Standard"})
    plane.api.create(f"/api/v1/namespaces/{NAMESPACE}/configmaps", settings)
    plane.api.create("/api/v1/namespaces", {"metadata": {"name": KNATIVE}})
    for name in KNATIVE_SETTINGS:
        plane.api.create(f"/api/v1/namespaces/{KNATIVE}/configmaps", {"metadata": {"name": name}, "data": {}})
    for runtime in plane.objects["runtimes"]:
        plane.api.create(f"{SERVING}/clusterservingruntimes", runtime)
    for container in plane.objects["storage"]:
        plane.api.create(f"{SERVING}/clusterstoragecontainers", container)


def _ready(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as response:
        return bool(response.status == 200)


def _on_loopback(configuration: dict[str, Any], port: int, authority: bytes) -> dict[str, Any]:
    """A webhook that would be a Service in the cluster, as the address of a process."""
    configuration["metadata"].pop("creationTimestamp", None)
    for hook in configuration["webhooks"]:
        path = hook["clientConfig"].pop("service")["path"]
        bundle = base64.b64encode(authority).decode()
        hook["clientConfig"] = {"url": f"https://127.0.0.1:{port}{path}", "caBundle": bundle}
    return configuration
