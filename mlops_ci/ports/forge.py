"""Where pull requests live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mlops_ci.records.forge import Approval, BranchCommit, Comment, NewPull, PullRequest, PullState, Push


class Forge(Protocol):
    """Where pull requests live: GitHub, or the one in the repository itself.

    Every write is idempotent: one that may have happened is looked up before it is repeated. Where another process
    was faster, `ForgeConflict` says so, and nothing was written; look again and decide anew. A number that no pull
    request has raises UsageError.
    """

    def tip(self, branch: str) -> str:
        """The full SHA of a branch's tip, '' where there is no such branch."""

    def contains(self, branch: str, commit: str) -> bool:
        """Whether `commit` is part of a branch's history; False for a commit that is not known at all."""

    def read(self, path: str, *, at: str) -> bytes | None:
        """A file's content in a commit, None where it has no such file (or has no such commit)."""

    def commits(self, branch: str, *, base: str) -> tuple[BranchCommit, ...]:
        """What a branch has and the branch `base` lacks, newest first, at most 250."""

    def push(self, push: Push) -> str:
        """Make the branch this one commit, and return its SHA. Atomic: the branch moves from `expected` or not at
        all. ForgeConflict where its tip is another, unless that is the very commit asked for."""

    def delete_branch(self, branch: str, *, expected: str) -> None:
        """Delete a branch whose tip is `expected`; one that is gone is done, and one that somebody has checked out
        stays. ForgeConflict for any other tip."""

    def pulls(self, *, branch: str = "", base: str = "", state: PullState | None = None) -> tuple[PullRequest, ...]:
        """Pull requests from `branch` and into `base` ('' is any), the newest first, all pages."""

    def pull(self, number: int) -> PullRequest:
        """One pull request."""

    def brought(self, commit: str) -> PullRequest | None:
        """The merged pull request that brought a commit to its base; None where none did, or it is not known."""

    def open(self, new: NewPull) -> PullRequest:
        """The open pull request from this branch into this base: the one that is there, with the labels and
        reviewers it lacks, or a new one. Two at once make one. UsageError where the base has all of the branch."""

    def update(
        self, number: int, *, title: str | None = None, body: str | None = None, draft: bool | None = None
    ) -> PullRequest:
        """Change what is not None; nothing is written where it is so already. The last writer wins."""

    def label(self, number: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add and remove labels, making those the forge lacks."""

    def request_review(self, number: int, reviewers: Sequence[str]) -> None:
        """Ask for reviews. Who was asked already is not asked again."""

    def comments(self, number: int) -> tuple[Comment, ...]:
        """All comments, the oldest first."""

    def comment(self, number: int, body: str, *, marker: str) -> None:
        """The one comment of our own with this marker: written, or rewritten where its text is another."""

    def approvals(self, number: int) -> tuple[Approval, ...]:
        """Each person's latest approval that was not taken back, the oldest first."""

    def close(self, number: int) -> PullRequest:
        """Close without merging; one that is closed stays so. UsageError for one that is merged."""

    def merge(self, number: int, *, head: str) -> PullRequest:
        """Bring the branch onto its base as one commit; one that is merged stays so.

        ForgeConflict where the branch's tip is no longer `head`, or the base moved meanwhile; MergeConflict with the
        files where the two don't go together; UsageError for one that is closed, a draft, or brings nothing.
        """
