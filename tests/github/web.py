"""The server: HTTP in front of a hub. Every request and response is held against GitHub's own description."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import tests.github.routes  # noqa: F401  (registers every route)
from tests.github import graph, smart_http
from tests.github.access import who
from tests.github.description import Description, Exchange
from tests.github.faults import Fault
from tests.github.hub import Hub
from tests.github.limits import Limits
from tests.github.routes.pulls import look
from tests.github.routing import ROUTES, Answer, Call, Refused, find


@dataclass(kw_only=True)
class GitHubServer:
    """A running server. `violations` is what the description says against what was sent and answered."""

    hub: Hub
    description: Description
    base: str = ""  # "/api/v3" as a GitHub Enterprise has it
    port: int = 0
    limits: Limits = field(default_factory=Limits)
    violations: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        return self.address + self.base

    @property
    def graphql_url(self) -> str:
        return f"{self.address}{'/api' if self.base else ''}/graphql"


@contextmanager
def served(hub: Hub, *, base: str = "") -> Iterator[GitHubServer]:
    """A server on a free port of this machine, until the block ends."""
    server = GitHubServer(hub=hub, description=described(), base=base)
    handler = type("BoundHandler", (RequestHandler,), {"server_state": server})
    web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    web.daemon_threads = True
    server.port = web.server_address[1]
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
    return Description.load([(item.method, item.template) for item in ROUTES])


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
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        state = self.server_state
        if ".git/" in split.path:
            smart_http.serve(self, state.hub.root, body)
            return
        fault = state.hub.faults.strike(self.command, split.path)
        try:
            status, headers, answer = self._answered(split.path, split.query, body, fault)
        except Dropped:
            state.hub.faults.log.append((self.command, split.path, 0))
            self.close_connection = True
            return
        except Exception:  # a fault of the server here, which no test may take for one of GitHub's
            state.violations.append(traceback.format_exc())
            status, headers, answer = 501, {}, b"{}"
        state.hub.faults.log.append((self.command, split.path, status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815

    def _answered(self, path: str, query: str, body: bytes, fault: Fault | None) -> tuple[int, dict[str, str], bytes]:
        state = self.server_state
        if fault is not None:
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
        answered = _graphql(state, asked) if urlsplit(state.graphql_url).path == path else _rest(state, asked, fault)
        return _struck(fault) if fault is not None and fault.after else answered


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


Sent = tuple[int, dict[str, str], bytes]


def _struck(fault: Fault) -> Sent:
    if fault.drop:
        raise Dropped
    return fault.status, dict(fault.headers), json.dumps({"message": fault.message}).encode()


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


def _rest(state: GitHubServer, asked: Asked, fault: Fault | None) -> Sent:
    path = asked.path.removeprefix(state.base)
    found = find(asked.method, path)
    if found is None:
        state.violations.append(f"{asked.method} {path}: served by no route here")
        return 404, {}, b'{"message": "Not Found"}'
    route, params = found
    escaped = route.template
    for name, value in params.items():
        escaped = escaped.replace(f"{{{name}}}", quote(value, safe=""))
    exchange = Exchange(method=asked.method, path=escaped, query=asked.query, headers=asked.headers, body=asked.body)
    if wrong := state.description.wrong_request(exchange):
        state.violations.append(f"request {asked.method} {path} {asked.body[:200]!r}: {wrong}")
    with state.hub.lock:
        try:
            token, app = who(state.hub, asked.headers.get("authorization", ""))
            if (app is not None) is not route.app:
                raise Refused(401, "A JSON web token could not be decoded" if route.app else "Bad credentials")
            headers = state.limits.spend(state.hub.clock())
            if params.get("repo") and (moved := state.hub.repos.get(f"{params['owner']}/{params['repo']}")):
                look(state.hub, moved)
            body = json.loads(asked.body) if asked.body else {}
            call = Call(
                hub=state.hub, method=asked.method, params=params, query=asked.query, body=body, token=token, app=app
            )
            answer = route.handler(call)
        except Refused as refused:
            answer, headers = _refusal(refused), state.limits.headers(state.hub.clock())
    if fault is not None and fault.hide and isinstance(answer.body, list):
        answer = Answer(answer.body[1:], answer.status, answer.key, answer.headers)
    status, content, more = _rendered(state, asked, answer)
    if answer.status < 400 and content is not None:
        content = state.description.complete(asked.method, route.template, status, content)
    raw = b"" if content is None else json.dumps(content).encode()
    headers |= more
    if asked.method == "GET" and status == 200:
        headers["etag"] = f'W/"{hashlib.sha256(raw).hexdigest()}"'
        if asked.headers.get("if-none-match") == headers["etag"]:
            state.limits.give_back()
            return 304, headers, b""
    if raw:
        headers["content-type"] = "application/json; charset=utf-8"
    done = Exchange(
        method=asked.method,
        path=escaped,
        query=asked.query,
        headers=asked.headers,
        body=asked.body,
        status=status,
        answer=raw,
        answer_headers={"content-type": "application/json"},
    )
    if wrong := state.description.wrong_response(done, route.template):
        state.violations.append(f"response {status} {asked.method} {path}: {wrong}")
    return status, headers, raw


def _refusal(refused: Refused) -> Answer:
    body: dict[str, Any] = {"message": refused.message, "documentation_url": "https://docs.github.com/rest"}
    if refused.errors:
        body["errors"] = list(refused.errors)
    return Answer(body, refused.status)


def _rendered(state: GitHubServer, asked: Asked, answer: Answer) -> tuple[int, Any, dict[str, str]]:
    """A list as one page of it, with the links to the others."""
    headers = dict(answer.headers)
    if not isinstance(answer.body, list):
        return answer.status, answer.body, headers
    size = min(int(asked.query.get("per_page", 30)), 100)
    page = int(asked.query.get("page", 1))
    pages = max(1, -(-len(answer.body) // size))
    part: Any = answer.body[(page - 1) * size : page * size]
    if page < pages:
        links = {"next": page + 1, "last": pages}
        headers["link"] = ", ".join(
            f'<{state.address}{asked.path}?{urlencode({**asked.query, "page": number})}>; rel="{name}"'
            for name, number in links.items()
        )
    if answer.key:
        part = {"total_count": len(answer.body), answer.key: part}
    return answer.status, part, headers
