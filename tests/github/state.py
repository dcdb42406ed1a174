"""A server's state, and a request as it came to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.github.description import Description
from tests.github.hub import Hub
from tests.github.limits import Limits

Sent = tuple[int, dict[str, str], bytes]  # status, headers, body


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


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
