"""What a GitHub knows: people, tokens, apps, and repositories with their pull requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tests.github.bare import Bare
from tests.github.faults import Faults

ORG = "acme"
WORKFLOW_BOT = "github-actions[bot]"


@dataclass(frozen=True, kw_only=True)
class Account:
    id: int
    login: str
    kind: str = "User"

    @property
    def email(self) -> str:
        return f"{self.id}+{self.login}@users.noreply.example.com"


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token; `kind` is pat, workflow, installation. `scopes` are those of a classic personal one."""

    text: str
    login: str
    kind: str
    expires: datetime | None = None
    scopes: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class App:
    """A GitHub App, with the public half of its key. It is installed everywhere on this hub."""

    id: int
    slug: str
    public_key: str
    installation: int = 77
    permissions: dict[str, str] = field(default_factory=lambda: {"contents": "write"})


@dataclass(kw_only=True)
class Comment:
    id: int
    login: str | None  # None: the account was deleted
    body: str
    at: str


@dataclass(kw_only=True)
class Review:
    id: int
    login: str
    state: str
    commit: str
    at: str


@dataclass(kw_only=True)
class Pull:
    """A pull request. `head` follows its branch while it is open; `owner` has the branch (a fork's is another)."""

    number: int
    title: str
    body: str | None
    branch: str
    base: str
    head: str
    login: str
    opened_at: str
    opened: int
    owner: str = ORG
    state: str = "open"
    draft: bool = False
    labels: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    closed_at: str | None = None
    merged_at: str | None = None
    merge_commit: str | None = None

    @property
    def node(self) -> str:
        return f"PR_{self.number}"


@dataclass(kw_only=True)
class Run:
    """A workflow's run that is over. `repository` has the branch; `artifacts` are zips by number."""

    id: int
    head: str
    branch: str
    repository: str
    event: str = "pull_request"
    conclusion: str = "success"
    artifacts: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    expired: set[int] = field(default_factory=set)


@dataclass(kw_only=True)
class Workflow:
    """A workflow of the default branch; `scheduled` are its runs by time, the newest first: (when, conclusion)."""

    id: int
    path: str
    state: str = "active"
    scheduled: list[tuple[str, str | None]] = field(default_factory=list)


@dataclass(kw_only=True)
class Setting:
    """What its administrators chose. `checks` are required by a ruleset, `protected` ones by branch protection."""

    private: bool = False
    archived: bool = False
    checks: list[str] = field(default_factory=list)
    pull_request: bool = False
    protected: list[str] | None = None
    may_open: bool = False


@dataclass(kw_only=True)
class Repo:
    """A repository with everything around its git."""

    id: int
    owner: str
    name: str
    bare: Bare
    collaborators: dict[str, str] = field(default_factory=dict)
    teams: set[str] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    environments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    workflows: list[Workflow] = field(default_factory=list)
    setting: Setting = field(default_factory=Setting)
    dispatches: list[dict[str, Any]] = field(default_factory=list)
    trials: dict[tuple[str, str], str | None] = field(default_factory=dict)
    methods: tuple[str, ...] = ("squash", "merge", "rebase")

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def node(self) -> str:
        return f"R_{self.id}"


def utc() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(kw_only=True)
class Hub:
    """The whole of it. One request changes it at a time."""

    root: Path
    clock: Callable[[], datetime] = utc
    accounts: dict[str, Account] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    apps: dict[int, App] = field(default_factory=dict)
    repos: dict[str, Repo] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    lock: threading.RLock = field(default_factory=threading.RLock)
    last: int = 1000
    address: str = ""  # of the server, which links to artifacts lead to

    def fresh(self) -> int:
        """A number that nothing else has."""
        self.last += 1
        return self.last

    def now(self) -> str:
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    def account(self, login: str) -> Account:
        """The account of this name, which comes to be where it is not."""
        if login not in self.accounts:
            kind = "Bot" if login.endswith("[bot]") else "User"
            self.accounts[login] = Account(id=self.fresh(), login=login, kind=kind)
        return self.accounts[login]

    def repository(self, name: str, *, people: dict[str, str] | None = None) -> Repo:
        """A new, empty repository of the organisation."""
        bare = Bare.create(self.root / ORG / f"{name}.git")
        made = Repo(id=self.fresh(), owner=ORG, name=name, bare=bare, collaborators=dict(people or {}))
        self.repos[made.full_name] = made
        for login in made.collaborators:
            self.account(login)
        return made

    def token(
        self,
        text: str,
        login: str,
        *,
        kind: str = "pat",
        lives: timedelta | None = None,
        scopes: tuple[str, ...] | None = None,
    ) -> str:
        """A token that is accepted from now on."""
        self.account(login)
        expires = self.clock() + lives if lives else None
        self.tokens[text] = Token(text=text, login=login, kind=kind, expires=expires, scopes=scopes)
        return text
