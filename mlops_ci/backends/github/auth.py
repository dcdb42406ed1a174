"""The right to ask: a token as it is, or an App's key, for which GitHub gives a token that lives an hour.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from requests import PreparedRequest
from requests.auth import AuthBase

from mlops_ci.errors import UsageError
from mlops_ci.io import clock
from mlops_ci.records.github import AppKey

EARLY = timedelta(minutes=5)  # a token is given back before it can run out in the middle of something
BACK = timedelta(seconds=60)  # clocks differ
LIVES = timedelta(minutes=9)  # GitHub takes ten


class Token(AuthBase):
    """A token that stays as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "Token(***)"

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.text}"
        return request

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.text,)


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A token that GitHub gave to an installation."""

    text: str
    expires: datetime


class AppToken(AuthBase):
    """An App's token, asked for when it is first needed and again before it runs out. Threads share it."""

    def __init__(self, key: AppKey, issue: Callable[[Token], Issued]) -> None:
        """`issue` asks GitHub, with the App's own JWT."""
        self.key = key
        self.issue = issue
        self.issued: Issued | None = None
        self.lock = threading.Lock()

    def __repr__(self) -> str:
        return f"AppToken({self.key.app})"

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        with self.lock:
            if self.issued is None or clock.now() >= self.issued.expires - EARLY:
                self.issued = self.issue(Token(signed(self.key)))
            text = self.issued.text
        return Token(text)(request)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.issued.text if self.issued else "", self.key.private_key)


def signed(key: AppKey) -> str:
    """The App's JWT. Raises UsageError where the key is none."""
    now = clock.now()
    claims = {"iat": int((now - BACK).timestamp()), "exp": int((now + LIVES).timestamp()), "iss": key.app}
    try:
        return jwt.encode(claims, key.private_key, algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError):
        raise UsageError(
            "the GitHub App's private key can't be used",
            hint="MLOPS_CI_APP_PRIVATE_KEY is the whole PEM file, with its first and last line",
            docs="github.md#tokens",
        ) from None


def issued(answer: Any) -> Issued:
    """The token in GitHub's answer."""
    expires = datetime.fromisoformat(answer["expires_at"].replace("Z", "+00:00"))
    return Issued(text=answer["token"], expires=expires)
