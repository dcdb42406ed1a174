"""The primary rate limit: so many requests an hour and token, told in the headers of each answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.github.routing import Refused


@dataclass
class Limits:
    """`left` requests until `reset`; then there are `limit` again."""

    limit: int = 5000
    left: int = 5000
    reset: datetime | None = None

    def spend(self, now: datetime) -> dict[str, str]:
        """Take one request off. Raises Refused where none is left."""
        if self.reset is None or now >= self.reset:
            if self.reset is not None:
                self.left = self.limit
            self.reset = now + timedelta(hours=1)
        if self.left <= 0:
            raise Refused(403, "API rate limit exceeded for installation ID 77.")
        self.left -= 1
        return self.headers(now)

    def give_back(self) -> None:
        """An answer of 304 costs nothing."""
        self.left += 1

    def headers(self, now: datetime) -> dict[str, str]:
        until = self.reset or now
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(max(self.left, 0)),
            "x-ratelimit-reset": str(int(until.timestamp())),
            "x-ratelimit-used": str(self.limit - self.left),
            "x-ratelimit-resource": "core",
        }
