"""Answers for simulated pods: the real model server, at one address for each Service.

The pods of the cluster have no containers. Here is what a kubelet and kube-proxy would do together for them: a
connection to a Service's address goes to a server that runs the model of one of the pods that the cluster's own
controllers count as ready endpoints, one pod after the other. Where there is none, the connection is closed.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import select
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.cluster import Namespace
from tests.serving.servers import Running, launch

CHUNK = 65536


def own_python(folder: Path) -> str:
    """The Python that runs the tests."""
    return sys.executable


class Servers:
    """Real model servers by model folder, each started when first asked for, with the Python that `python` says."""

    def __init__(self, home: Path, model: str, python: Callable[[Path], str] = own_python) -> None:
        self.home = home
        self.model = model
        self.python = python
        self._running: dict[Path, Running] = {}
        self._starting = threading.Lock()

    def port(self, folder: Path) -> int:
        """Where the server of a model folder answers."""
        with self._starting:
            if folder not in self._running:
                home = self.home / f"server-{len(self._running)}"
                self._running[folder] = launch(home, folder, self.model, python=self.python(folder)).started()
        return self._running[folder].port

    def close(self) -> None:
        """End them."""
        for server in self._running.values():
            server.end(signal.SIGKILL)


class Kubelet:
    """For the pods of one namespace. `models` says which model folder a pod serves whose spec contains a word, e.g. an
    image's digest or a storage URI. The first connection to a server starts it, and waits.
    """

    def __init__(self, namespace: Namespace, servers: Servers, models: Mapping[str, Path]) -> None:
        self.namespace = namespace
        self.servers = servers
        self.models = models
        self._addresses: dict[str, _Address] = {}
        self._seen: dict[str, tuple[Any, float]] = {}

    def address(self, service: str) -> str:
        """Where a Service answers, whether it is there already or not: the same for as long as this kubelet lives."""
        if service not in self._addresses:
            self._addresses[service] = _Address(self, service)
        return f"http://127.0.0.1:{self._addresses[service].server_address[1]}"

    def close(self) -> None:
        """End the addresses."""
        for address in self._addresses.values():
            address.shutdown()
            address.server_close()

    def ready_pods(self, service: str) -> list[Any]:
        """The pods that are a Service's ready endpoints now."""
        slices = self.namespace.path("endpointslices", group="/apis/discovery.k8s.io/v1")
        found = self.namespace.api.get(f"{slices}?labelSelector=kubernetes.io/service-name={service}")
        endpoints = [one for piece in found["items"] for one in piece.get("endpoints") or []]
        names = [one["targetRef"]["name"] for one in endpoints if one["conditions"].get("ready")]
        return [pod for name in names if (pod := self._answering(name)) is not None]

    def _answering(self, name: str) -> Any:
        """A pod that answers; None where it does not. One that is deleted answers for as long as it sleeps before it
        stops; a simulated one has gone at once, so that it has to be remembered."""
        found = self.namespace.api.get(self.namespace.path("pods", name))
        if found is not None and "deletionTimestamp" not in found["metadata"]:
            self._seen[name] = (found, time.monotonic())
            return found
        pod, seen = self._seen.get(name, (None, 0.0))
        return pod if pod is not None and time.monotonic() - seen < _sleep(pod) else None

    def port_of(self, pod: Any) -> int:
        """The port of the server that runs a pod's model."""
        spec = json.dumps(pod["spec"])
        return self.servers.port(next(folder for word, folder in self.models.items() if word in spec))


@contextlib.contextmanager
def kubelet(
    namespace: Namespace,
    home: Path,
    model: str,
    models: Mapping[str, Path],
    python: Callable[[Path], str] = own_python,
) -> Iterator[Kubelet]:
    """A kubelet that ends, and its servers, which are named `model`. `python` says what runs a model folder."""
    with (
        contextlib.closing(Servers(home, model, python)) as servers,
        contextlib.closing(Kubelet(namespace, servers, models)) as running,
    ):
        yield running


class _Address(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, kubelet: Kubelet, service: str) -> None:
        self.kubelet = kubelet
        self.service = service
        self.turns = itertools.count()
        super().__init__(("127.0.0.1", 0), _Connection)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


class _Connection(socketserver.BaseRequestHandler):
    server: _Address

    def handle(self) -> None:
        kubelet = self.server.kubelet
        pods = kubelet.ready_pods(self.server.service)
        if not pods:
            return
        pod = pods[next(self.server.turns) % len(pods)]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", kubelet.port_of(pod))) as inside:
            _pass_on(self.request, inside)


def _sleep(pod: Any) -> float:
    """Seconds between the end of a pod and the end of its server."""
    container = pod["spec"]["containers"][0]
    return float(container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0))


def _pass_on(outside: socket.socket, inside: socket.socket) -> None:
    """Both ways, until either side is done."""
    other = {outside: inside, inside: outside}
    while True:
        for one in select.select(list(other), [], [])[0]:
            if not (data := one.recv(CHUNK)):
                return
            other[one].sendall(data)
