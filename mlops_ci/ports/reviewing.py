"""What is shown to reviewers beside the forge's pull requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mlops_ci.errors import BackendError
from mlops_ci.records.reviewing import CheckRun, Deployed


class Reviewing(Protocol):
    """Comments on a verdict, checks of commits, records of deployments.

    Every write is idempotent: what is there already is not written again, and one that may have happened is looked up
    before it is repeated.
    """

    def head(self, number: int) -> str:
        """The full SHA that a pull request stands at now. UsageError for a number that none has."""

    def verdict(
        self, number: int, body: str, *, marker: str, head: str, fresh: bool = True, fingerprint: str = ""
    ) -> bool | None:
        """The one comment of our own with this marker, about the commit `head` of a pull request.

        `fingerprint` is hexadecimal: a comment on this head that has it already says the same, and is left as it is.
        False, and nothing is written, where a run for a newer head has written it already. With `fresh` false only one
        that is there is written over; None where there is none.
        """

    def begun(self, number: int, note: str, *, marker: str, head: str) -> bool | None:
        """Put a note above the comment with this marker, where it is about another commit than `head`, whose run has
        begun; `verdict` takes it away.

        False, and nothing is written, where the pull request has moved on from `head`; None where there is no such
        comment, or it is about `head` already.
        """

    def checks(self, runs: Sequence[CheckRun]) -> Sequence[str | BackendError]:
        """Show how the checks of one commit ended; of each, in their order, where, or why it can't be shown.

        A later one of the same name replaces it. Raises BackendError where what is there can't be read.
        """

    def deployed(self, deployed: Deployed) -> None:
        """Record where a commit is deployed, and how that stands; a success retires what was there before."""

    def latest(self, environment: str) -> Deployed | None:
        """The newest record of an environment as it stands, whoever made it; None where there is none."""
