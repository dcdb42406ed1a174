"""The same story with its pull requests at a GitHub: the server of this project's tests, over real repositories."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mlops_ci.backends.github.forge import GitHubForge
from mlops_ci.records.forge import NewPull
from mlops_ci.records.github import Access, TokenKind
from playing.repository import MODEL, Demo
from playing.screen import DemoFailed, title, typed
from tests.github import events
from tests.github.description import SETUP, folder
from tests.github.hub import WORKFLOW_BOT, Hub, Pull, Repo, Review
from tests.github.state import GitHubServer
from tests.github.web import served

TOKEN, ANN = "ghs_workflowtoken0123456789", "ghp_ann0123456789"
LINES = 30  # of a comment, on the screen


def missing() -> str:
    """What is not there to play it with, '' where all is."""
    return "" if folder() else f"GitHub's description of its API is not here: {SETUP}"


@contextmanager
def at_github(demo: Demo) -> Iterator[HubPulls]:
    """The demo's repository at a server that lives as long as this does."""
    hub = Hub(root=demo.home.parent / "github")
    repo = hub.repository(MODEL, people={"ann": "write"})
    hub.token(TOKEN, WORKFLOW_BOT, kind="workflow")
    hub.token(ANN, "ann")
    with served(hub) as server:
        demo.git("remote", "add", "origin", f"{server.address}/{repo.full_name}.git")
        demo.git("push", "-q", "origin", "main")
        print(f"Its pull requests are at a GitHub of its own, {server.address}", flush=True)
        yield HubPulls(demo=demo, server=server, repo=repo)


@dataclass(kw_only=True)
class HubPulls:
    """Keeps Pulls. People are Ann; mlops-ci has the token that a workflow has."""

    demo: Demo
    server: GitHubServer
    repo: Repo
    publish: tuple[str, ...] = ("--publish",)
    about: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """A job's, of the pull request that is judged, where one is."""
        found = {"GITHUB_REPOSITORY": self.repo.full_name, "GITHUB_API_URL": self.server.api_url}
        found |= {"GITHUB_GRAPHQL_URL": self.server.graphql_url, "GITHUB_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1"}
        return found | self.about

    @property
    def ann(self) -> GitHubForge:
        access = Access(
            repository=self.repo.full_name,
            api_url=self.server.api_url,
            graphql_url=self.server.graphql_url,
            kind=TokenKind.PERSONAL,
            source="ann",
            token=ANN,
        )
        return GitHubForge(access)

    def propose(self, branch: str, text: str) -> None:
        typed(f"git push origin {branch}   # and opens the pull request")
        self.demo.git("push", "-q", "origin", branch)
        self._judge(self.ann.open(NewPull(branch=branch, base="main", title=text, body="")).number)

    def fetched(self, branch: str) -> str:
        self._judge(self.number(branch))
        self.demo.git("fetch", "-q", "origin", branch)
        return "FETCH_HEAD"

    def _judge(self, number: int) -> None:
        """What a workflow is told of the pull request that has started it."""
        event = self.demo.home.parent / "github" / "event.json"
        payload = events.pull_request(self.server, self.repo, self.repo.pulls[number], "synchronize")
        event.write_text(json.dumps(payload), "utf-8")
        self.about = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event)}

    def judged(self, branch: str) -> None:
        """Keep the comment, and show one that is worth it."""
        self.about = {}
        pull = self._open(branch)
        checks = [f"{item['name']}: {item['conclusion']}" for item in self.repo.checks if item["head_sha"] == pull.head]
        print(f"#{pull.number} has the checks {', '.join(checks) or '(none: nothing is affected)'}", flush=True)
        found = [item.body for item in pull.comments if item.login == WORKFLOW_BOT]
        if not found:
            return
        self.demo.reports.mkdir(exist_ok=True)
        (self.demo.reports / f"{branch.rpartition('/')[2]}-comment.md").write_text(found[-1], "utf-8")
        if branch == "grow":
            title(f"What the comment of #{pull.number} looks like")
            lines = [line for line in found[-1].splitlines() if not line.startswith("<!--")]
            print("\n".join(f"  {line}" for line in lines[:LINES]), flush=True)
            if len(lines) > LINES:
                print(f"  … and {len(lines) - LINES} more lines", flush=True)

    def merge_branch(self, branch: str) -> None:
        self.merge(self.number(branch))

    def _open(self, branch: str) -> Pull:
        for pull in self.repo.pulls.values():
            if pull.branch == branch and pull.state == "open":
                return pull
        raise DemoFailed(f"no pull request is open on {branch}")

    def number(self, branch: str) -> int:
        return self._open(branch).number

    def text(self, number: int) -> str:
        self.show(number)
        return self.repo.pulls[number].body or ""

    def show(self, number: int) -> None:
        pull = self.repo.pulls[number]
        print(f"#{number} by {pull.login}: {pull.title}", flush=True)

    def approve(self, number: int) -> None:
        print(f"Ann approves #{number}", flush=True)
        hub, pull = self.server.hub, self.repo.pulls[number]
        head = self.repo.bare.tip(pull.branch)
        pull.reviews.append(Review(id=hub.fresh(), login="ann", state="APPROVED", commit=head, at=hub.now()))

    def merge(self, number: int) -> None:
        self.about = {}
        print(f"Ann merges #{number}", flush=True)
        pull = self.repo.pulls[number]
        self.ann.merge(number, head=self.repo.bare.tip(pull.branch))
        self.demo.git("checkout", "-q", "main")
        self.demo.git("pull", "-q", "--ff-only", "origin", "main")

    def moved(self) -> None:
        self.demo.git("push", "-q", "origin", "main")
