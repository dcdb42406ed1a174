"""One request of the REST API: checked, carried out, completed, cut into pages, and checked again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from tests.github.access import who
from tests.github.description import Exchange
from tests.github.faults import Fault
from tests.github.routes.pulls import look
from tests.github.routing import Answer, Call, Refused, Route, find
from tests.github.state import Asked, GitHubServer, Sent


def answered(state: GitHubServer, asked: Asked, fault: Fault | None) -> Sent:
    """What the client gets. Whatever the description forbids is one of the state's violations."""
    path = asked.path.removeprefix(state.base)
    found = find(asked.method, path)
    if found is None:
        state.violations.append(f"{asked.method} {path}: served by no route here")
        return 404, {}, b'{"message": "Not Found"}'
    route, params = found
    exchange = Exchange(
        method=asked.method,
        path=_escaped(route, params),
        query=asked.query,
        headers=asked.headers,
        body=asked.body,
    )
    if wrong := state.description.wrong_request(exchange):
        state.violations.append(f"request {asked.method} {path} {asked.body[:200]!r}: {wrong}")
    answer, headers = _carried_out(state, asked, route, params)
    if fault is not None and fault.hide and isinstance(answer.body, list):
        answer = replace(answer, body=answer.body[1:])
    sent = _rendered(state, asked, route, answer, headers)
    if sent[0] == 200 and asked.method == "GET":
        sent[1]["etag"] = f'W/"{hashlib.sha256(sent[2]).hexdigest()}"'
        if asked.headers.get("if-none-match") == sent[1]["etag"]:
            state.limits.give_back()
            return 304, sent[1], b""
    done = replace(exchange, status=sent[0], answer=sent[2], answer_headers={"content-type": "application/json"})
    if wrong := state.description.wrong_response(done, route.template):
        state.violations.append(f"response {sent[0]} {asked.method} {path}: {wrong}")
    return sent


def _escaped(route: Route, params: Mapping[str, str]) -> str:
    """The path as the checker can read it: slashes inside of a parameter would be taken for borders."""
    path = route.template
    for name, value in params.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path


def _carried_out(
    state: GitHubServer, asked: Asked, route: Route, params: Mapping[str, str]
) -> tuple[Answer, dict[str, str]]:
    """The handler's answer, or a refusal, and the headers about the rate limit. One request at a time."""
    hub = state.hub
    with hub.lock:
        try:
            token, app = who(hub, asked.headers.get("authorization", ""))
            if (app is not None) is not route.app:
                raise Refused(401, "A JSON web token could not be decoded" if route.app else "Bad credentials")
            headers = state.limits.spend(hub.clock())
            if repo := hub.repos.get(f"{params.get('owner')}/{params.get('repo')}"):
                look(hub, repo)
            body = json.loads(asked.body) if asked.body else {}
            return route.handler(
                Call(hub=hub, params=params, query=asked.query, body=body, token=token, app=app)
            ), headers
        except Refused as refused:
            return _refusal(refused), state.limits.headers(hub.clock())


def _refusal(refused: Refused) -> Answer:
    body: dict[str, Any] = {"message": refused.message, "documentation_url": "https://docs.github.com/rest"}
    if refused.errors:
        body["errors"] = list(refused.errors)
    return Answer(body, refused.status)


def _rendered(
    state: GitHubServer, asked: Asked, route: Route, answer: Answer, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """The answer as bytes, with all that the description asks for; a list as one page of it."""
    body, link = _page(state, asked, answer)
    if body is None:
        return answer.status, {**headers, **answer.headers}, b""
    if answer.status < 400:
        body = state.description.complete(asked.method, route.template, answer.status, body)
    kind = {"content-type": "application/json; charset=utf-8"}
    return answer.status, {**headers, **answer.headers, **link, **kind}, json.dumps(body).encode()


def _page(state: GitHubServer, asked: Asked, answer: Answer) -> tuple[Any, dict[str, str]]:
    """A list's page that was asked for, with the links to the others; anything else as it is."""
    if not isinstance(answer.body, list):
        return answer.body, {}
    size, page = min(int(asked.query.get("per_page", 30)), 100), int(asked.query.get("page", 1))
    pages = max(1, -(-len(answer.body) // size))
    part: Any = answer.body[(page - 1) * size : page * size]
    if answer.key:
        part = {"total_count": len(answer.body), answer.key: part}
    if page >= pages:
        return part, {}
    links = [
        f'<{state.address}{asked.path}?{urlencode({**asked.query, "page": number})}>; rel="{name}"'
        for name, number in (("next", page + 1), ("last", pages))
    ]
    return part, {"link": ", ".join(links)}
