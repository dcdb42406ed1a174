"""The forge at GitHub. Each concern is a file in `github/`; here they keep the port together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.branches import Branches
from mlops_ci.backends.github.comments import Comments
from mlops_ci.backends.github.merging import Merging
from mlops_ci.backends.github.people import People
from mlops_ci.backends.github.pulls import Pulls
from mlops_ci.records.forge import Approval, BranchCommit, Comment, NewPull, PullRequest, PullState, Push
from mlops_ci.records.github import Access


@dataclass(frozen=True)
class GitHubForge:
    """Keeps the `Forge` port for one repository at GitHub."""

    access: Access

    @cached_property
    def api(self) -> Api:
        return Api(self.access)

    @cached_property
    def branches(self) -> Branches:
        return Branches(self.api)

    @cached_property
    def requests(self) -> Pulls:
        return Pulls(self.api)

    @cached_property
    def people(self) -> People:
        return People(self.api)

    @cached_property
    def talk(self) -> Comments:
        return Comments(self.api)

    def tip(self, branch: str) -> str:
        return self.branches.tip(branch)

    def contains(self, branch: str, commit: str) -> bool:
        return self.branches.contains(branch, commit)

    def read(self, path: str, *, at: str) -> bytes | None:
        return self.branches.read(path, at)

    def commits(self, branch: str, *, base: str) -> tuple[BranchCommit, ...]:
        return self.branches.commits(branch, base)

    def push(self, push: Push) -> str:
        return self.branches.push(push)

    def delete_branch(self, branch: str, *, expected: str) -> None:
        self.branches.delete(branch, expected)

    def pulls(self, *, branch: str = "", base: str = "", state: PullState | None = None) -> tuple[PullRequest, ...]:
        return self.requests.all(branch, base, state)

    def pull(self, number: int) -> PullRequest:
        return self.requests.view(self.requests.raw(number))

    def brought(self, commit: str) -> PullRequest | None:
        return self.requests.brought(commit)

    def open(self, new: NewPull) -> PullRequest:
        return self.requests.open(new)

    def update(
        self, number: int, *, title: str | None = None, body: str | None = None, draft: bool | None = None
    ) -> PullRequest:
        return self.requests.update(number, title, body, draft)

    def label(self, number: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        self.requests.label(number, add, remove)

    def request_review(self, number: int, reviewers: Sequence[str]) -> None:
        self.people.ask(self.pull(number), reviewers)

    def comments(self, number: int) -> tuple[Comment, ...]:
        return self.talk.all(number)

    def comment(self, number: int, body: str, *, marker: str) -> None:
        self.talk.write(number, body, marker=marker)

    def approvals(self, number: int) -> tuple[Approval, ...]:
        return self.people.approvals(number)

    def close(self, number: int) -> PullRequest:
        return self.requests.close(number)

    def merge(self, number: int, *, head: str) -> PullRequest:
        return Merging(self.api).merge(number, head)
