"""A pull request that is kept current: what it proposes, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

BRANCHES = "mlops-ci/"
HOLD = "mlops-ci:hold"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What a pull request shall propose. One `key` (`promote/flight-delay/production`) has one branch and at most
    one open pull request.

    `fingerprint` (hexadecimal) names what is proposed: while it stays the same, no commit is made. `text` (hexadecimal)
    names what the text says of it: another one rewrites the text alone, '' leaves a text that stands. `sections`
    are Markdown, ready to be shown (report/pull_section.py escapes what came from outside); `files` map a path from
    the root of the repository to its content, None deletes it. A pull request that somebody closed stays closed until
    `severity` rises above what it was then (`sooner` says it in words), or `quiet_for` is over. A run whose `sequence`
    is lower than that of what stands is late and writes nothing. `supersedes` names keys whose pull requests this one
    replaces.
    """

    key: str
    base: str
    title: str
    sections: tuple[str, ...]
    files: Mapping[str, bytes | None] = field(repr=False)
    fingerprint: str
    text: str = ""
    severity: int = 0
    sequence: int = 0
    draft: bool = False
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    quiet_for: timedelta = timedelta(days=14)
    sooner: str = "it gets more severe"
    supersedes: tuple[str, ...] = ()

    @property
    def branch(self) -> str:
        return branch_of(self.key)


class Action(str, Enum):
    """What was done. All but the first four write nothing (`frozen` and `left` may leave one note, once)."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"
    CLEANED = "cleaned"
    UNCHANGED = "unchanged"
    NOTHING = "nothing"
    HELD = "held"
    FROZEN = "frozen"
    QUIET = "quiet"
    LATE = "late"
    LEFT = "left"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a proposal; `number` is 0 where there is no pull request, `reason` a sentence for a person."""

    action: Action
    reason: str
    number: int = 0
    url: str = ""
    head: str = ""

    @property
    def wrote(self) -> bool:
        return self.action in (Action.OPENED, Action.UPDATED, Action.CLOSED, Action.CLEANED)


def branch_of(key: str) -> str:
    """The branch of a key."""
    return f"{BRANCHES}{key}"
