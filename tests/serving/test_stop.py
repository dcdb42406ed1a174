"""A stop loses no request, and the local target's switch from one server to the next loses none either."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.serving.servers import Answer, Running, ask, launch
from tests.serving.test_refusals import scalars

pytestmark = pytest.mark.slow

SETTINGS = {"drain_idle_seconds": 0.3, "threads": 2}
PATH = "/v1/models/told:predict"


@pytest.fixture
def public() -> Iterator[socket.socket]:
    """The supervisor's socket."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener


@pytest.fixture
def pair(zoo: Path, tmp_path: Path, public: socket.socket) -> Iterator[tuple[Running, Running]]:
    """Two servers of one model, which inherit the public socket and do not serve it yet."""
    servers = [
        launch(tmp_path / name, zoo / "told", "told", settings=settings, standby=public.fileno())
        for name, settings in (("old", SETTINGS), ("new", {**SETTINGS, "drain_seconds": 0.4}))
    ]
    try:
        yield servers[0].started(), servers[1].started()
    finally:
        for server in servers:
            server.process.kill()
            server.process.wait()


def take_over(server: Running) -> None:
    server.process.send_signal(signal.SIGUSR1)
    server.wait(lambda: json.loads(server.ready.read_text("utf-8"))["took_over"])


class Load:
    """Clients that ask the public socket without a pause, each on a connection that it keeps while it may."""

    def __init__(self, port: int, clients: int) -> None:
        self.stop = threading.Event()
        self.answered = threading.Semaphore(0)
        self.pool = ThreadPoolExecutor(clients)
        self.results = [self.pool.submit(self.client, port) for _ in range(clients)]

    def client(self, port: int) -> list[Answer]:
        import http.client

        found = []
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not self.stop.is_set():
            found.append(ask(connection, "POST", PATH, {"instances": [scalars()]}))
            self.answered.release()
            if found[-1].headers.get("connection") == "close":
                connection.close()
        connection.close()
        return found

    def wait(self, answers: int) -> None:
        """Until so many more have been answered."""
        for _ in range(answers):
            assert self.answered.acquire(timeout=60)

    def end(self) -> list[Answer]:
        """All answers; raises what any client met."""
        self.stop.set()
        found = [answer for result in self.results for answer in result.result()]
        self.pool.shutdown()
        return found


def test_the_switch_from_one_server_to_the_next_loses_nothing(
    pair: tuple[Running, Running], public: socket.socket, tmp_path: Path
) -> None:
    old, new = pair
    assert new.v1({"instances": [scalars()]}).status == 200  # the smoke on its private port
    take_over(old)
    load = Load(public.getsockname()[1], 6)
    load.wait(100)
    assert new.metric("mlops_input_rows_total") == 1  # not before it was told to
    with ThreadPoolExecutor(1) as pool:
        held = old.connect()
        slow = pool.submit(ask, held, "POST", PATH, {"instances": [{**scalars(), "s": f"hold:{tmp_path}"}]})
        old.wait(lambda: any(tmp_path.glob("begun-*")))
        take_over(new)
        load.wait(100)
        old.process.send_signal(signal.SIGTERM)
        load.wait(300)
        assert old.process.poll() is None  # the held request is still in the model
        (tmp_path / "go").touch()
        assert slow.result().status == 200
        assert slow.result().headers["connection"] == "close"
    assert old.process.wait(60) == 0
    load.wait(100)
    answers = load.end()
    assert {answer.status for answer in answers} == {200}
    assert new.metric("mlops_input_rows_total") > 300
    assert new.end(signal.SIGINT) == 0

    # Nobody serves the public socket now: who comes waits in it for the next server.
    with socket.create_connection(public.getsockname()):
        pass


def test_a_stop_answers_what_came_and_refuses_what_comes_after(pair: tuple[Running, Running], tmp_path: Path) -> None:
    old, new = pair
    body = {"instances": [{**scalars(), "s": f"hold:{tmp_path}"}]}
    idle, busy = old.connect(), old.connect()
    assert ask(idle, "GET", "/v2/health/ready").status == 200
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ask, busy, "POST", PATH, body)
        old.wait(lambda: any(tmp_path.glob("begun-*")))
        old.process.send_signal(signal.SIGTERM)
        old.wait(lambda: "stopping" in old.log())
        late = ask(idle, "GET", "/v2/health/ready")  # on its way when the stop came
        assert (late.status, late.headers["connection"]) == (503, "close")
        with pytest.raises(ConnectionRefusedError):
            old.connect().connect()
        (tmp_path / "go").touch()
        assert slow.result().status == 200
    assert old.process.wait(60) == 0

    # The time limit: a request that never ends is told so, and the exit code says so.
    other: Any = new.connect()
    stuck = {"instances": [{**scalars(), "s": f"hold:{tmp_path / 'never'}"}]}
    (tmp_path / "never").mkdir()
    other.request("POST", PATH, json.dumps(stuck), {"content-type": "application/json"})
    new.wait(lambda: any((tmp_path / "never").glob("begun-*")))
    assert new.end(signal.SIGTERM) == 3
    assert "1 requests were cut off" in new.log()
    cut = other.getresponse()
    assert (cut.status, json.loads(cut.read())) == (503, {"error": "the server is stopping"})
    other.close()
