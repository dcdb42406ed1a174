"""Real server processes on loopback, and a plain client."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.digests.directory import digest_directory
from mlops_ci.serving.code import copy_into

JSON = {"content-type": "application/json"}
STEP = 0.02


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as a document."""
        return json.loads(self.body)


@dataclass(kw_only=True)
class Running:
    """A server process; its files are beside `ready`."""

    name: str
    digest: str
    process: subprocess.Popen[bytes]
    ready: Path
    port: int = 0

    def started(self) -> Running:
        """Wait until it answers. Fails with its log where it ends instead."""
        self.wait(self.ready.exists)
        self.port = json.loads(self.ready.read_text("utf-8"))["port"]
        return self

    def wait(self, done: Any) -> None:
        """Wait until `done()`, as long as the process lives."""
        while not done():
            try:
                self.process.wait(STEP)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(self.log())

    def log(self) -> str:
        """What it wrote."""
        return self.ready.with_suffix(".log").read_text("utf-8")

    def connect(self) -> http.client.HTTPConnection:
        """A connection of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = JSON) -> Answer:
        """One request on a connection of its own; a body that is no bytes is sent as JSON."""
        connection = self.connect()
        try:
            return ask(connection, method, path, body, headers)
        finally:
            connection.close()

    def v1(self, body: Any, **headers: str) -> Answer:
        """A prediction by V1."""
        return self.ask("POST", f"/v1/models/{self.name}:predict", body, {**JSON, **headers})

    def v2(self, body: Any, **headers: str) -> Answer:
        """A prediction by V2."""
        return self.ask("POST", f"/v2/models/{self.name}/infer", body, {**JSON, **headers})

    def metric(self, line: str) -> float:
        """The value of one metric, named with its labels; 0 where it is not there yet."""
        for row in self.ask("GET", "/metrics").body.decode().splitlines():
            if row.startswith(f"{line} "):
                return float(row.rsplit(" ", 1)[1])
        return 0.0

    def end(self, number: int) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, headers: Mapping[str, str] = JSON
) -> Answer:
    """One request on an open connection."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, path, content, dict(headers))
    response = connection.getresponse()
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(status=response.status, headers=found, body=response.read())


def command(
    home: Path, model: Path, name: str, options: Sequence[str] = (), digest: str = "", python: str = sys.executable
) -> list[str]:
    """The server's command line, as whatever serves on this machine has it."""
    digest = digest or digest_directory(model)
    words = ["--model", str(model), "--name", name, "--digest", digest, "--ready-file", str(home / "ready.json")]
    return [python, "-B", "-m", "mlops_ci.serving", *words, *options]


def environment(home: Path) -> dict[str, str]:
    """The server's own files on PYTHONPATH, as in an environment where nothing of ours is installed.

    The libraries' bytecode is kept, as on anybody's machine: without it each start compiles MLflow anew.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPATH": str(copy_into(home / "code")), "PYTHONWARNINGS": "ignore"}


def launch(
    home: Path,
    model: Path,
    name: str,
    *,
    settings: Mapping[str, Any] | None = None,
    standby: int | None = None,
    python: str = sys.executable,
) -> Running:
    """Start a server; `started()` waits for it."""
    home.mkdir(parents=True, exist_ok=True)
    options: list[str] = []
    if settings is not None:
        (home / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        options += ["--settings", str(home / "settings.json")]
    if standby is not None:
        options += ["--standby-fd", str(standby)]
    with open(home / "ready.log", "wb") as log:
        process = subprocess.Popen(
            command(home, model, name, options, python=python),
            cwd=home,
            env=environment(home),
            stdout=log,
            stderr=log,
            pass_fds=() if standby is None else (standby,),
        )
    return Running(name=name, digest=digest_directory(model), process=process, ready=home / "ready.json")
