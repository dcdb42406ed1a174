"""How a request comes to its handler, and what a handler gives back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.github.hub import Account, App, Hub, Pull, Repo, Token

LONG = ("path", "ref", "basehead")  # parameters in which clients leave slashes as they are


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request. `app` is set where it came with an App's JWT, `token` with anything else."""

    hub: Hub
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    token: Token | None
    app: App | None

    @property
    def repo(self) -> Repo:
        found = self.hub.repos.get(f"{self.params['owner']}/{self.params['repo']}")
        if found is None:
            raise Refused(404, "Not Found")
        return found

    @property
    def pull(self) -> Pull:
        number = self.params.get("pull_number") or self.params["issue_number"]
        found = self.repo.pulls.get(int(number))
        if found is None:
            raise Refused(404, "Not Found")
        return found

    @property
    def me(self) -> Account:
        assert self.token is not None
        return self.hub.account(self.token.login)


@dataclass(frozen=True)
class Refused(Exception):
    """An answer that is no success."""

    status: int
    message: str
    errors: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Answer:
    """A status and what its body says; a list is cut into pages, below `key` where it has one."""

    body: Any = None
    status: int = 200
    key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, kw_only=True)
class Route:
    method: str
    template: str
    handler: Handler
    app: bool

    def match(self, method: str, path: str) -> dict[str, str] | None:
        found = re.fullmatch(_pattern(self.template), path) if method == self.method else None
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


ROUTES: list[Route] = []


def route(method: str, template: str, *, app: bool = False) -> Callable[[Handler], Handler]:
    """Serve an operation with this function; `app` ones take an App's JWT alone."""

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method=method, template=template, handler=handler, app=app))
        return handler

    return register


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a request and its parameters."""
    for item in ROUTES:
        if (params := item.match(method, path)) is not None:
            return item, params
    return None


def _pattern(template: str) -> str:
    def group(match: re.Match[str]) -> str:
        return f"(?P<{match[1]}>{'.+' if match[1] in LONG else '[^/]+'})"

    return re.sub(r"\{(\w+)\}", group, template)
