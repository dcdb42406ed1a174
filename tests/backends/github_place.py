"""The forge at GitHub in a test: a real repository behind a server that behaves as GitHub does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path

import pytest

from mlops_ci.backends.github.forge import GitHubForge
from mlops_ci.io import clock
from mlops_ci.records.github import Access, TokenKind
from tests.digests.repository import Repository
from tests.github.description import SETUP, folder
from tests.github.hub import WORKFLOW_BOT, Comment, Hub, Repo, Review
from tests.github.state import GitHubServer
from tests.github.web import served


@dataclass
class StillClock:
    """A clock that moves only when somebody waits, so that no test does; `waits` are in seconds."""

    moment: datetime = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    waits: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    """The door to the clock leads to a still one."""
    made = StillClock()
    monkeypatch.setattr(clock, "now", made.now)
    monkeypatch.setattr(clock, "sleep", made.sleep)
    return made


PEOPLE = {"ann": "write", "bob": "write", "human": "admin"}
TOKEN = "ghs_workflowtoken0123456789"


@dataclass(frozen=True)
class GitHubPlace:
    """Keeps `ForgePlace`. `beside` is a person's clone."""

    server: GitHubServer
    repo: Repo
    beside: Repository
    token: str = TOKEN
    kind: TokenKind = TokenKind.WORKFLOW

    @cached_property
    def access(self) -> Access:
        return Access(
            repository=self.repo.full_name,
            api_url=self.server.api_url,
            graphql_url=self.server.graphql_url,
            kind=self.kind,
            source="GITHUB_TOKEN",
            token=self.token,
        )

    @cached_property
    def forge(self) -> GitHubForge:
        return GitHubForge(self.access)

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def commit(self, branch: str, files: Mapping[str, str | None], message: str = "By hand") -> str:
        there = branch if self.repo.bare.tip(branch) else "main"
        self.beside.git("fetch", "-q", "origin")
        self.beside.git("checkout", "-q", "-B", branch, f"origin/{there}")
        for path, content in files.items():
            if content is None:
                (self.beside.root / path).unlink()
            else:
                self.beside.write(path, content)
        made = self.beside.commit(message)
        self.beside.git("push", "-q", "origin", branch)
        return made

    def force(self, branch: str, commit: str) -> None:
        self.repo.bare.move(branch, commit)

    def delete(self, branch: str) -> None:
        self.repo.bare.move(branch, "0" * 40)

    def comment(self, number: int, text: str) -> None:
        made = Comment(id=self.hub.fresh(), login="human", body=text, at=self.hub.now())
        self.repo.pulls[number].comments.append(made)

    def approve(self, number: int, login: str = "human", state: str = "APPROVED") -> None:
        pull = self.repo.pulls[number]
        head = self.repo.bare.tip(pull.branch)
        made = Review(id=self.hub.fresh(), login=login, state=state, commit=head, at=self.hub.now())
        pull.reviews.append(made)

    def files(self, branch: str) -> dict[str, str]:
        names = self.repo.bare.git("ls-tree", "-r", "--name-only", branch).splitlines()
        return {name: self.repo.bare.git("show", f"{branch}:{name}").strip() for name in names}

    def message(self, commit: str) -> str:
        return self.repo.bare.commit(commit).message


@pytest.fixture
def place(tmp_path: Path, still: StillClock) -> Iterator[GitHubPlace]:
    """A place whose clock stands still."""
    with github(tmp_path) as made:
        yield made


@contextmanager
def github(root: Path, *, base: str = "") -> Iterator[GitHubPlace]:
    """A place with `main` of one commit; at its end nothing may have been sent that GitHub's description forbids."""
    if folder() is None:
        pytest.skip(SETUP)
    hub = Hub(root=root / "hub", clock=lambda: clock.now())
    repo = hub.repository("models", people=PEOPLE)
    hub.token(TOKEN, WORKFLOW_BOT, kind="workflow")
    beside = Repository.create(root / "beside")
    beside.write("kept.txt", "kept\n")
    beside.write("releases/a.yaml", "old\n")
    beside.commit("Start")
    beside.git("remote", "add", "origin", str(repo.bare.path))
    beside.git("push", "-q", "origin", "HEAD:main")
    with served(hub, base=base) as server:
        yield GitHubPlace(server, repo, beside)
        assert not server.violations, "\n".join(server.violations)
