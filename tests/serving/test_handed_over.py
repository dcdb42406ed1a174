"""A server that is handed its sockets, as one in a container is: it serves them, and never outlives who gave them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.digests.directory import digest_directory
from tests.serving.servers import Running, command, environment

pytestmark = pytest.mark.slow


@dataclass(kw_only=True)
class Giver:
    """The other end: what the runner of a container does."""

    server: Running
    connection: socket.socket
    public: socket.socket
    own: socket.socket

    def hears(self) -> Any:
        """The next line; None when the server is gone."""
        line = b""
        while not line.endswith(b"\n"):
            if not (part := self.connection.recv(1)):
                return None
            line += part
        return json.loads(line)

    def at(self, listener: socket.socket) -> Running:
        """A client of one of the sockets."""
        self.server.port = listener.getsockname()[1]
        return self.server


@pytest.fixture
def giver(zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Giver]:
    monkeypatch.chdir(tmp_path)
    with (
        socket.socket(socket.AF_UNIX) as door,
        socket.create_server(("127.0.0.1", 0)) as public,
        socket.create_server(("127.0.0.1", 0)) as own,
        open(tmp_path / "ready.log", "wb") as log,
    ):
        door.bind("sockets")
        door.listen(1)
        process = subprocess.Popen(
            command(tmp_path, zoo / "told", "told", ["--sockets", "sockets"]),
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        connection, _ = door.accept()
        try:
            socket.send_fds(connection, [b"\n"], [own.fileno(), public.fileno(), log.fileno()])
            server = Running(
                name="told", digest=digest_directory(zoo / "told"), process=process, ready=tmp_path / "ready.json"
            )
            yield Giver(server=server, connection=connection, public=public, own=own)
        finally:
            connection.close()
            process.kill()
            process.wait()


def test_it_serves_what_it_was_given_and_ends_with_the_giver(giver: Giver) -> None:
    told = giver.hears()
    assert (told["port"], told["took_over"]) == (giver.own.getsockname()[1], False)
    giver.own.close()
    assert giver.at(giver.public).ready.exists() is False, "it tells on the connection alone"
    giver.connection.sendall(b"t")
    assert giver.hears()["took_over"] is True
    assert giver.at(giver.public).ask("GET", "/v2/health/ready").status == 200
    assert "took over the public socket" in giver.server.log(), "its log is the one it was given"

    giver.connection.shutdown(socket.SHUT_WR)
    assert giver.hears() is None
    assert giver.server.process.wait(60) == 0


def test_one_whose_giver_is_gone_while_it_loads_goes_at_once(giver: Giver) -> None:
    giver.connection.close()
    assert giver.server.process.wait(60) == 1
    assert "serving" not in giver.server.log()


def test_nothing_to_take_is_an_error(zoo: Path, tmp_path: Path) -> None:
    words = command(tmp_path, zoo / "told", "told", ["--sockets", str(tmp_path / "none")])
    done = subprocess.run(words, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (
        3,
        f"error: no sockets were handed over at {tmp_path / 'none'}: {os.strerror(2)}\n",
    )
