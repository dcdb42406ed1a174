"""The health check of an image: which port it asks, and what it makes of the answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlops_ci.serving.health import port_of, ready

STATUS = {"now": 200}


class Ready(BaseHTTPRequestHandler):
    """Answers with the status that the test set."""

    def do_GET(self) -> None:
        known = self.path == "/v2/health/ready"
        self.send_response(STATUS["now"] if known else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (b"python\0-m\0mlops_ci.serving\0--port\08081\0", 8081),
        (b"python\0--port\08081\0--port\09090\0", 9090),
        (b"python\0-m\0mlops_ci.serving\0", 8080),
        (b"python\0--port\0", 8080),
        (b"python\0--port\0--host\0", 8080),
        (b"", 8080),
    ],
)
def test_it_asks_on_the_port_that_the_server_was_told(command: bytes, expected: int) -> None:
    assert port_of(command) == expected


def test_only_a_server_that_says_so_is_ready(port: int) -> None:
    STATUS["now"] = 200
    assert ready(port)
    STATUS["now"] = 503
    assert not ready(port)


def test_where_nobody_answers_nothing_is_ready(port: int) -> None:
    assert not ready(1)
