"""A real MLflow server on a repository's own database, behind a door that a test can shut."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mlops_ci.errors import BackendError
from mlops_ci.io import http

SECONDS = 120.0  # for the server to come up


@dataclass
class Door:
    """Passes connections on to a server while it is open; shutting it ends those that there are."""

    behind: int
    is_open: bool = True
    askers: list[socket.socket] = field(default_factory=list)
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def open(self) -> None:
        self.is_open = True

    def shut(self) -> None:
        self.is_open = False
        for asker in self.askers:
            with contextlib.suppress(OSError):
                asker.shutdown(socket.SHUT_RDWR)
        self.askers.clear()

    def keep(self) -> None:
        """Serve until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.askers.append(connection)
                threading.Thread(target=self._pass, args=(connection,), daemon=True).start()

    def _pass(self, asker: socket.socket) -> None:
        with asker:
            if not self.is_open:
                return
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.behind)) as server:
                back = threading.Thread(target=_copy, args=(server, asker), daemon=True)
                back.start()
                _copy(asker, server)
                back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def serving(home: Path) -> Iterator[Door]:
    """MLflow on the SQLite file of `.mlops/`, and the door in front of it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", f"sqlite:///{home}/.mlops/mlflow.db", "--no-serve-artifacts"]
    environ = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    with subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words],
        cwd=home.parent,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as server:
        try:
            _until_up(port)
            door = Door(port)
            threading.Thread(target=door.keep, daemon=True).start()
            yield door
            door.listener.close()
        finally:
            os.killpg(server.pid, 9)


def _until_up(port: int) -> None:
    ended = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(BackendError):
            if http.call("GET", f"http://127.0.0.1:{port}/health", timeout=5).status == 200:
                return
        assert time.monotonic() < ended, "MLflow's server did not come up"
        os.sched_yield()
