"""What a reviewer sees beside a pull request: checks, statuses and deployments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

MOST_ANNOTATIONS = 9  # a forge shows ten; the tenth says how many more there are


class Conclusion(str, Enum):
    """How a check ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class Level(str, Enum):
    """How bad an annotation is."""

    NOTICE = "notice"
    WARNING = "warning"
    FAILURE = "failure"


class DeployState(str, Enum):
    """How a deployment stands."""

    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILURE = "failure"
    INACTIVE = "inactive"


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """A remark at a line (from 1) of a file of the repository."""

    path: str
    line: int
    level: Level
    title: str
    message: str


@dataclass(frozen=True, kw_only=True)
class CheckRun:
    """One check of one commit. `summary` and `text` are Markdown, ready to be shown; `url` is where all of it is.
    Two with the same `fingerprint` (if any) say the same."""

    name: str
    head: str
    conclusion: Conclusion
    title: str
    summary: str
    text: str = ""
    annotations: tuple[Annotation, ...] = ()
    url: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A commit in an environment. `environment` names the model too where the repository has several; `url` is where
    it serves, `facts` (version, digests) go with the record."""

    environment: str
    commit: str
    state: DeployState
    description: str
    url: str = ""
    log_url: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def shown(annotations: Sequence[Annotation]) -> tuple[Annotation, ...]:
    """At most ten: nine, and one that says how many more there are."""
    if len(annotations) <= MOST_ANNOTATIONS + 1:
        return tuple(annotations)
    more = len(annotations) - MOST_ANNOTATIONS
    last = replace(annotations[MOST_ANNOTATIONS], title=f"{more} more", message="The full report has all of them.")
    return (*annotations[:MOST_ANNOTATIONS], last)
