"""Pull requests on a terminal; whatever they say, no escape code of theirs gets through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlops_ci.records.forge import Approval, Comment, PullRequest
from mlops_ci.report.clean import plain


@dataclass(frozen=True, kw_only=True)
class Shown:
    """All there is to know of a pull request; `conflicts` are files."""

    pull: PullRequest
    comments: tuple[Comment, ...]
    approvals: tuple[Approval, ...]
    conflicts: tuple[str, ...]


def line(pull: PullRequest) -> str:
    """`#3  open  Promote a  (branch → base, draft, labels)`."""
    notes = [f"{plain(pull.branch)} → {plain(pull.base)}"]
    notes += ["draft"] if pull.draft else []
    notes += [plain(label, longest=50) for label in pull.labels]
    return f"#{pull.number:<4} {pull.state.value:<7} {plain(pull.title, longest=200)}  ({', '.join(notes)})"


def whole(shown: Shown) -> str:
    """The request, what stands in its way, its text, and what was said."""
    return "\n".join(_lines(shown))


def _lines(shown: Shown) -> Iterator[str]:
    pull = shown.pull
    yield line(pull)
    yield f"opened {pull.opened_at} by {plain(pull.author)}, at {pull.head[:12] or 'no branch any more'}"
    if pull.merge_commit:
        yield f"merged as {pull.merge_commit[:12]} {pull.closed_at}".rstrip()
    if pull.reviewers:
        yield f"reviewers: {', '.join(plain(name) for name in pull.reviewers)}"
    for approval in shown.approvals:
        older = "" if approval.commit == pull.head else ", which is no longer what is proposed"
        yield f"approved {approval.at} by {plain(approval.author)} at {approval.commit[:12]}{older}"
    if shown.conflicts:
        yield f"conflicts with {plain(pull.base)} in {', '.join(plain(path) for path in shown.conflicts)}"
    yield from ("", *_text(pull.body))
    for comment in shown.comments:
        yield from ("", f"{plain(comment.author)}, {comment.at}:", *_text(comment.body))


def _text(body: str) -> Iterator[str]:
    """Lines without our hidden markers."""
    for row in body.splitlines():
        if not row.startswith("<!-- mlops-ci:"):
            yield f"  {plain(row, longest=10_000)}".rstrip()
