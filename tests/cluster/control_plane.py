"""Starts a real cluster on loopback: etcd, the API server, its controllers and scheduler, one simulated node."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.cluster import parts
from tests.cluster.api import Api, ApiError, condition
from tests.cluster.certificates import Authority
from tests.cluster.processes import Processes, free_ports

NODE = "/api/v1/nodes/simulated"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ROOM = {"cpu": "10000", "memory": "100Ti", "pods": "10000"}  # nobody deletes what a test leaves
NEVER_READY = "never-ready"
CONTROLLERS = "*,-nodeipam,-node-route-controller,-service-lb-controller,-cloud-node-lifecycle-controller"


class ControlPlane:
    """The processes of one cluster, their files in `folder`, and the administrator's access."""

    def __init__(self, folder: Path, built: Path) -> None:
        self.folder = folder
        self.built = built
        self.objects: dict[str, Any] = json.loads(parts.objects(built).read_text("utf-8"))
        self.authority = Authority(folder / "certificates")
        self.processes = Processes(folder)
        self.kubeconfig = folder / "admin.kubeconfig"
        self._tokens_key = self.authority.signing_key("tokens")

    def start(self) -> Api:
        """Up to a ready node and known kinds."""
        (self.port,) = free_ports(1)
        token = secrets.token_hex(16)
        self.api = Api(
            url=f"https://127.0.0.1:{self.port}", authority=self.authority.certificate.read_text(), token=token
        )
        self.kubeconfig.write_text(kubeconfig(self.api), encoding="utf-8")
        self._start_api_server(token)
        self._start_controllers()
        self._start_node()
        self._define()
        self.api.wait("/api/v1/namespaces/default/serviceaccounts/default", lambda found: found)
        self.api.wait(NODE, lambda node: condition(node, "Ready") == "True")
        return self.api

    def run(self, name: str, words: Sequence[object], variables: Mapping[str, str] | None = None) -> None:
        """Start one of the built parts."""
        self.processes.start(name, [parts.program(self.built, name), *words], variables)

    def _start_api_server(self, token: str) -> None:
        client, peer = (f"http://127.0.0.1:{port}" for port in free_ports(2))
        self.run(
            "etcd",
            [
                *("--data-dir", self.folder / "etcd", "--unsafe-no-fsync", "--log-level=warn"),
                *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}"),
                *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
                f"--initial-cluster=default={peer}",
            ],
        )
        tokens = self.folder / "tokens.csv"
        tokens.write_text(f'{token},admin,admin,"system:masters"\n', encoding="utf-8")
        certificate, key = self.authority.server("apiserver")
        self.run(
            "kube-apiserver",
            [
                *(f"--etcd-servers={client}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"),
                *(f"--secure-port={self.port}", f"--cert-dir={self.authority.folder}"),
                *(f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}", f"--token-auth-file={tokens}"),
                f"--client-ca-file={self.authority.certificate}",
                f"--service-account-key-file={self._tokens_key}",
                f"--service-account-signing-key-file={self._tokens_key}",
                *("--service-account-issuer=https://cluster.invalid", "--service-cluster-ip-range=10.0.0.0/24"),
                *("--authorization-mode=RBAC", "--endpoint-reconciler-type=none", "--allow-privileged=true"),
            ],
        )
        self.processes.wait("kube-apiserver", self._answers)

    def _answers(self) -> bool:
        """Wholly: the controller manager gives up on one that is not healthy within ten seconds."""
        try:
            return self.api.get("/healthz") == "ok" and self.api.get("/api/v1/namespaces/default") is not None
        except ApiError:
            return False

    def _start_controllers(self) -> None:
        (port,) = free_ports(1)
        self.run(
            "kube-controller-manager",
            [
                *(f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1"),
                *(f"--secure-port={port}", f"--cert-dir={self.authority.folder}"),
                f"--service-account-private-key-file={self._tokens_key}",
                *(f"--root-ca-file={self.authority.certificate}", f"--controllers={CONTROLLERS}"),
                *("--kube-api-qps=500", "--kube-api-burst=500"),
            ],
        )
        access = [
            f"--{name}={self.kubeconfig}"
            for name in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
        ]
        self.run("kube-scheduler", [*access, "--leader-elect=false", "--secure-port=0"])

    def _start_node(self) -> None:
        stages = self.folder / "stages.yaml"
        stages.write_text("\n---\n".join(json.dumps(_with_exception(stage)) for stage in self.objects["stages"]))
        (port,) = free_ports(1)
        self.run(
            "kwok",
            [
                *(f"--config={stages}", f"--kubeconfig={self.kubeconfig}", "--manage-all-nodes=true"),
                *(f"--server-address=127.0.0.1:{port}", "--node-ip=127.0.0.1", "--cidr=10.1.0.0/16"),
                "--node-lease-duration-seconds=40",  # without it the node counts as gone after a minute
            ],
        )
        labels = {"kubernetes.io/hostname": "simulated", "kubernetes.io/os": "linux"}
        status = {"allocatable": ROOM, "capacity": ROOM}
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "simulated", "labels": labels},
            "status": status,
        }
        self.api.create("/api/v1/nodes", node)

    def _define(self) -> None:
        """The custom kinds, all at once; each is known when it is announced and its objects can be listed."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._define_one, self.objects["definitions"]))

    def _define_one(self, definition: dict[str, Any]) -> None:
        self.api.create(DEFINITIONS, definition)
        spec = definition["spec"]
        version = next(one["name"] for one in spec["versions"] if one["served"])
        plural, path = spec["names"]["plural"], f"/apis/{spec['group']}/{version}"
        self.api.wait(path, lambda found: any(one["name"] == plural for one in found["resources"]))
        self.api.wait(f"{path}/{plural}", lambda found: "items" in found)


def kubeconfig(api: Api, namespace: str = "default") -> str:
    """A file for any client of Kubernetes; JSON is YAML too."""
    authority = base64.b64encode(api.authority.encode()).decode()
    cluster = {"server": api.url, "certificate-authority-data": authority}
    context = {"cluster": "tests", "user": "tests", "namespace": namespace}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "tests", "user": {"token": api.token}}],
            "contexts": [{"name": "tests", "context": context}],
        }
    )


def _with_exception(stage: dict[str, Any]) -> dict[str, Any]:
    """A pod that says `never-ready` anywhere (image, argument, annotation) stays as it was created."""
    if stage["metadata"]["name"] == "pod-ready":
        said = f'.spec, .metadata.annotations | tostring | select( contains("{NEVER_READY}") )'
        stage["spec"]["selector"]["matchExpressions"].append({"key": said, "operator": "DoesNotExist"})
    return stage
