"""What is shown to reviewers of a run, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mlops_ci.records.reviewing import CheckRun


@dataclass(frozen=True, kw_only=True)
class About:
    """Which run a report is about.

    `head` is the full SHA that was judged, `pull` the pull request's number, 0 for none. `expected` are the models that
    the commit affects; None where nobody got so far as to tell. `commits` are those that results may have been made
    from (the head, or the merge that a workflow checks out); empty where that is not known. `folder` is the config's
    from the root of the repository, '' or with '/' at its end. `fork` says that the results were made by a fork's run.
    `unread` is the place (`file` or `file:line`) where a config can't be used, '' where it can.
    """

    head: str
    pull: int = 0
    expected: tuple[str, ...] | None = None
    commits: tuple[str, ...] = ()
    folder: str = ""
    config: str = "mlops.yaml"
    run_url: str = ""
    fork: bool = False
    unread: str = ""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What is to be shown. `comment` is Markdown; `fresh` is false where it only replaces one that is there."""

    head: str
    pull: int
    marker: str
    comment: str
    fresh: bool = True
    checks: tuple[CheckRun, ...] = ()
    fingerprint: str = ""


class Commented(str, Enum):
    """What became of the comment."""

    WRITTEN = "written"  # or it said the same already
    NOT_NEEDED = "not needed"
    SUPERSEDED = "superseded"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What became of a publication. `problems` are sentences, `checks` the pages of the check runs."""

    comment: Commented
    checks: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
