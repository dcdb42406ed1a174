"""How GitHub is reached: where its API is, and by what right."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class TokenKind(str, Enum):
    """In the order in which they are preferred."""

    APP = "app"
    PERSONAL = "personal"
    WORKFLOW = "workflow"


@dataclass(frozen=True, kw_only=True)
class AppKey:
    """A GitHub App: its id (or client id) and its private key as PEM. `installation` is 0 where GitHub is asked."""

    app: str
    private_key: str = field(repr=False)
    installation: int = 0


@dataclass(frozen=True, kw_only=True)
class Access:
    """One repository at one GitHub. `api_url` is the base of all REST paths, `graphql_url` lies on the same host.

    Either `key` (an App) or `token` is there. `source` names where it was found, for messages.
    """

    repository: str
    api_url: str
    graphql_url: str
    kind: TokenKind
    source: str
    token: str = field(default="", repr=False)
    key: AppKey | None = None

    @property
    def owner(self) -> str:
        return self.repository.partition("/")[0]

    @property
    def name(self) -> str:
        return self.repository.partition("/")[2]
