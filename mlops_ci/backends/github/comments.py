"""Comments at GitHub: one a marker and author, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.budget import fit
from mlops_ci.backends.github.problems import GitHubError, missing
from mlops_ci.records.forge import Comment, stamp

BOT = "[bot]"


@dataclass(frozen=True)
class Comments:
    """See the Forge port for what each does."""

    api: Api

    def all(self, number: int) -> tuple[Comment, ...]:
        return tuple(
            Comment(
                author=_login(item),
                body=text_of(item),
                at=item["created_at"],
                own=self._own(item),
                bot=(item["user"] or {}).get("type") == "Bot",
            )
            for item in self.raw(number)
        )

    def raw(self, number: int) -> list[Any]:
        """Raises UsageError for a number that no pull request has."""
        try:
            return self.api.pages(f"issues/{number}/comments")
        except GitHubError as error:
            if error.status == 404:
                raise missing(self.api.access.repository, number) from None
            raise

    def write(self, number: int, body: str, *, marker: str) -> None:
        text = f"{stamp(marker)}\n{fit(body)}"
        if not (mine := self.mine(number, marker)):
            self.make(number, text, marker)
            mine = self.mine(number, marker)
        self.settle(mine, text)

    def make(self, number: int, text: str, marker: str) -> Any:
        """A new comment; where the answer is lost, the one that is there."""
        path = f"issues/{number}/comments"
        try:
            return self.api.make(path, {"body": text}, made=lambda: next(iter(self.mine(number, marker)), None))
        except GitHubError as error:
            if error.status == 404:
                raise missing(self.api.access.repository, number) from None
            raise

    def settle(self, mine: Sequence[Any], text: str) -> None:
        """One comment with this text: of several, as two runs at once may leave them, the oldest stays."""
        for spare in mine[1:]:
            self.delete(spare)
        if mine and text_of(mine[0]) != text:
            self.api.patch(f"issues/comments/{mine[0]['id']}", {"body": text})

    def delete(self, comment: Any) -> None:
        self.api.delete(f"issues/comments/{comment['id']}")

    def mine(self, number: int, marker: str) -> list[Any]:
        """Our comments that begin with the marker, the oldest first."""
        found = [item for item in self.raw(number) if self._own(item) and text_of(item).startswith(stamp(marker))]
        return sorted(found, key=lambda item: int(item["id"]))

    def _own(self, item: Any) -> bool:
        """GraphQL may tell a bot's name with `[bot]` or without, REST with it: bots are told apart by their type."""
        ours, login, kind = self.api.login, _login(item), (item["user"] or {}).get("type")
        return login.removesuffix(BOT) == ours.removesuffix(BOT) and (kind == "Bot" or not ours.endswith(BOT))


def text_of(item: Any) -> str:
    """A comment's text, with the line breaks that it was written with."""
    return (item.get("body") or "").replace("\r\n", "\n")


def _login(item: Any) -> str:
    return str((item["user"] or {}).get("login", "ghost"))
