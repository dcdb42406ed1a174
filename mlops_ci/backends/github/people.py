"""Who is asked for a review, and whose approval counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlops_ci.backends.github.api import Api, word
from mlops_ci.records.forge import Approval, PullRequest

DECIDING = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
WRITERS = ("admin", "maintain", "write")


@dataclass(frozen=True)
class People:
    """See the Forge port for what each does."""

    api: Api

    def ask(self, pull: PullRequest, reviewers: Sequence[str], *, fresh: bool = False) -> bool:
        """Ask those who were not asked before and have not reviewed; whether anybody was. The author can't be asked.

        A name with a `/` is a team's: `acme/ml-team`. Nobody can have reviewed a `fresh` pull request.
        """
        lacking = [name for name in dict.fromkeys(reviewers) if name not in (*pull.reviewers, pull.author)]
        if lacking and not fresh:
            done = {self._who(review) for review in self._reviews(pull.number)}
            lacking = [name for name in lacking if name not in done]
        if not lacking:
            return False
        people = [name for name in lacking if "/" not in name]
        teams = [name.partition("/")[2] for name in lacking if "/" in name]
        body = {key: names for key, names in (("reviewers", people), ("team_reviewers", teams)) if names}
        self.api.post(f"pulls/{pull.number}/requested_reviewers", body)
        return True

    def approvals(self, number: int) -> tuple[Approval, ...]:
        """As GitHub counts them: a person's latest review that decides, and only of people who may write.

        On a public repository anybody can approve.
        """
        latest: dict[str, Any] = {}
        for review in self._reviews(number):
            if review["state"] in DECIDING and self._who(review):
                latest[self._who(review)] = review
        approved = [review for review in latest.values() if review["state"] == "APPROVED"]
        return tuple(
            Approval(author=self._who(review), commit=review["commit_id"], at=review["submitted_at"])
            for review in sorted(approved, key=lambda review: review["submitted_at"])
            if review["commit_id"] and self._may_write(self._who(review))
        )

    def _reviews(self, number: int) -> list[Any]:
        return self.api.pages(f"pulls/{number}/reviews")

    def _may_write(self, login: str) -> bool:
        found = self.api.find(f"collaborators/{word(login)}/permission")
        return found is not None and found["permission"] in WRITERS

    @staticmethod
    def _who(review: Any) -> str:
        return str((review["user"] or {}).get("login", ""))
