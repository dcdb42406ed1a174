"""The server: HTTP in front of a hub. Every request and response is held against GitHub's own description."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import tests.github.routes  # noqa: F401  (registers every route)
from tests.github import graph, rest, smart_http
from tests.github.access import who
from tests.github.description import Description
from tests.github.events import WEBHOOKS
from tests.github.faults import Fault
from tests.github.hub import Hub
from tests.github.routes.actions import BLOBS, blob
from tests.github.routes.pulls import look
from tests.github.routing import ROUTES, Refused
from tests.github.state import Asked, GitHubServer, Sent


@contextmanager
def served(hub: Hub, *, base: str = "") -> Iterator[GitHubServer]:
    """A server on a free port of this machine, until the block ends."""
    server = GitHubServer(hub=hub, description=described(), base=base)
    handler = type("BoundHandler", (RequestHandler,), {"server_state": server})
    web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    web.daemon_threads = True
    server.port = web.server_address[1]
    hub.address = server.address
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        web.shutdown()
        web.server_close()
        thread.join()


@cache
def described() -> Description:
    """What every server of this process is held against."""
    return Description.load([(item.method, item.template) for item in ROUTES], WEBHOOKS)


class Dropped(Exception):
    """The connection is closed with no answer."""


class RequestHandler(BaseHTTPRequestHandler):
    """One connection of one client."""

    protocol_version = "HTTP/1.1"
    server_state: GitHubServer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed; the hub's faults keep the log."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The hub's time, not this machine's."""
        return super().date_time_string(self.server_state.hub.clock().timestamp())

    def answer(self) -> None:
        split = urlsplit(self.path)
        body = b"".join(self._chunks())
        state = self.server_state
        if ".git/" in split.path:
            smart_http.serve(self, state.hub.root, body)
            return
        if split.path.startswith(BLOBS):
            self._send(*blob(state, split.path, self.headers.get("authorization")))
            return
        fault = state.hub.faults.strike(self.command, split.path)
        asks = split.path == urlsplit(state.graphql_url).path and not graph.changes(body)
        method = "QUERY" if asks else self.command
        try:
            status, headers, answer = self._answered(split.path, split.query, body, fault)
        except Dropped:
            state.hub.faults.log.append((method, split.path, 0))
            self.close_connection = True
            return
        except Exception:  # a fault of the server here, which no test may take for one of GitHub's
            state.violations.append(traceback.format_exc())
            status, headers, answer = 501, {}, b"{}"
        state.hub.faults.log.append((method, split.path, status))
        with suppress(ConnectionError):  # who did not wait for a slow answer is gone
            self._send(status, headers, answer)

    def _send(self, status: int, headers: dict[str, str], answer: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815

    def _chunks(self) -> Iterator[bytes]:
        """The body; git sends a large push in chunks."""
        if self.headers.get("transfer-encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("content-length") or 0))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answered(self, path: str, query: str, body: bytes, fault: Fault | None) -> Sent:
        state = self.server_state
        if fault is not None:
            if not fault.after:
                time.sleep(fault.slow)
            if fault.first is not None:
                fault.first()
            if not fault.after and (fault.drop or fault.status):
                return _struck(fault)
        asked = Asked(
            method=self.command,
            path=path,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        graphql = path == urlsplit(state.graphql_url).path
        answered = _graphql(state, asked) if graphql else rest.answered(state, asked, fault)
        if fault is None or not fault.after:
            return answered
        time.sleep(fault.slow)
        return _struck(fault) if fault.drop or fault.status else answered


def _struck(fault: Fault) -> Sent:
    if fault.drop:
        raise Dropped
    body = json.dumps({"message": fault.message}).encode() if fault.body is None else fault.body
    return fault.status, dict(fault.headers), body


def _graphql(state: GitHubServer, asked: Asked) -> Sent:
    with state.hub.lock:
        try:
            token, app = who(state.hub, asked.headers.get("authorization", ""))
            if token is None or app is not None:
                raise Refused(401, "Bad credentials")
            for repo in state.hub.repos.values():
                look(state.hub, repo)
            answer = graph.run(state.hub, token, json.loads(asked.body))
        except Refused as refused:
            return refused.status, {}, json.dumps({"message": refused.message}).encode()
    return 200, {"content-type": "application/json; charset=utf-8"}, json.dumps(answer).encode()
