"""Pull requests, as every forge has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class PullState(str, Enum):
    """`closed` is closed without a merge."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """One pull request. Times are ISO 8601 in UTC to the second, '' where it has not come to that, or nobody knows.

    `head` is the full SHA of the branch's tip, '' where an open one's branch is gone; of one that was closed or
    merged it is what the tip was then. `merge_commit` is the commit on the base that brought it.
    """

    number: int
    state: PullState
    title: str
    body: str
    branch: str
    base: str
    head: str
    author: str
    opened_at: str
    draft: bool = False
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    closed_at: str = ""
    merge_commit: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class NewPull:
    """What a pull request is opened with."""

    branch: str
    base: str
    title: str
    body: str
    draft: bool = False
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Push:
    """One commit that becomes the whole of a branch: `files` (path → bytes, or None to delete) laid over `onto`.

    `onto` is the full SHA of a commit, `expected` that of the branch's tip now, '' where there must be no branch.
    `fingerprint` names what is proposed, in hexadecimal.
    """

    branch: str
    onto: str
    files: Mapping[str, bytes | None] = field(repr=False)
    message: str
    fingerprint: str
    expected: str = ""


@dataclass(frozen=True, kw_only=True)
class BranchCommit:
    """A commit on a branch. `fingerprint` is that of the `Push` which made it; '' if a push of ours did not make it,
    or if it was changed since (amended, rebased)."""

    sha: str
    parents: tuple[str, ...]
    author: str
    subject: str
    fingerprint: str = ""


@dataclass(frozen=True, kw_only=True)
class Comment:
    """One comment. `own` says that this forge's user wrote it, `bot` that a machine did."""

    author: str
    body: str
    at: str
    own: bool = False
    bot: bool = False


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Who approved which commit, when. It says nothing about a later commit."""

    author: str
    commit: str
    at: str


def stamp(marker: str) -> str:
    """The hidden line that a comment with this marker carries."""
    return f"<!-- mlops-ci:{marker} -->"
