"""Comments at GitHub: one a marker and author, whatever happens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
                body=(item.get("body") or "").replace("\r\n", "\n"),
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
        """Where several are there, as two runs at once may leave them, the oldest stays and is rewritten."""
        text = f"{stamp(marker)}\n{fit(body)}"
        mine = self.mine(number, marker)
        if not mine:
            self.api.make(f"issues/{number}/comments", {"body": text}, made=lambda: self.mine(number, marker) or None)
            mine = self.mine(number, marker)
        for spare in mine[1:]:
            self.api.delete(f"issues/comments/{spare['id']}")
        if mine and (mine[0].get("body") or "").replace("\r\n", "\n") != text:
            self.api.patch(f"issues/comments/{mine[0]['id']}", {"body": text})

    def mine(self, number: int, marker: str) -> list[Any]:
        """Our comments that begin with the marker, the oldest first."""
        found = [item for item in self.raw(number) if self._own(item)]
        return sorted(
            (item for item in found if (item.get("body") or "").startswith(stamp(marker))), key=lambda item: item["id"]
        )

    @cached_property
    def _login(self) -> str:
        return self.api.login.removesuffix(BOT).lower()

    def _own(self, item: Any) -> bool:
        """GraphQL tells a bot's name with `[bot]` or without; no person can have a bot's name and be one."""
        login, kind = _login(item), (item["user"] or {}).get("type")
        return login.removesuffix(BOT).lower() == self._login and (kind == "Bot" or not self.api.login.endswith(BOT))


def _login(item: Any) -> str:
    return str((item["user"] or {}).get("login", "ghost"))
