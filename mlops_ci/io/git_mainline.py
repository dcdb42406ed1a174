"""The default branch as it grew: its first parents, what each brought, and who let it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from mlops_ci.io import git_branches, git_command

TRAILER = "Approved-by"
_LANDED = f"%cn <%ce>%x00%s%x00%(trailers:key={TRAILER},valueonly,separator=%x00)"


@dataclass(frozen=True, kw_only=True)
class Grown:
    """One commit of the mainline. `at` is what its committer's clock said, in seconds since 1970."""

    sha: str
    at: int


def grown(root: Path, tip: str) -> tuple[Grown, ...]:
    """Every commit of the mainline up to `tip`, the oldest first."""
    lines = git_command.output(root, "rev-list", "--first-parent", "--reverse", "--timestamp", tip, "--").decode()
    return tuple(Grown(sha=sha, at=int(at)) for at, sha in (line.split() for line in lines.splitlines()))


def brought(root: Path, before: str, tip: str) -> tuple[str, ...]:
    """The commits of the mainline since `before`, the newest first; none where that is no commit `tip` came from."""
    if not git_branches.contains(root, tip, before):
        return ()
    words = ("rev-list", "--first-parent", f"{before}..{tip}", "--")
    return tuple(git_command.output(root, *words).decode().split())


def changes(root: Path, tip: str, paths: Sequence[str]) -> frozenset[str]:
    """The commits of the mainline that changed one of the files, also those that did by a merge."""
    words = ("--literal-pathspecs", "rev-list", "--first-parent", tip, "--", *paths)
    return frozenset(git_command.output(root, *words).decode().split())


def landed(root: Path, commit: str) -> tuple[str, str, tuple[str, ...]]:
    """(committer, subject, who approved by its trailers) of a commit."""
    words = ("log", "-1", "--no-show-signature", f"--format={_LANDED}", commit, "--")
    found = git_command.output(root, *words).decode("utf-8", "replace")
    committer, subject, *approved = found.rstrip("\n").split("\0")
    return committer, subject, tuple(dict.fromkeys(name.strip() for name in approved if name.strip()))


def clock(at: int) -> str:
    """A committer's time as ISO 8601 in UTC; '' for one that no calendar has."""
    try:
        return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""
