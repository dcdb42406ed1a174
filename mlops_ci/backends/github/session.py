"""The session that talks to GitHub: github3.py's own, kept to one host, patient, and silent about its token.

github3.py retries nothing, and its session would send the token to any absolute URL it is given. Here a request that
would leave the API's host is refused, and one that failed is repeated where that is safe: always after a rate limit,
which says that nothing was done; after a lost connection or a 502, 503, 504 only where doing it twice is the same as
once. Whoever asks for something that is not learns it by `Unsure`, and looks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from github3.session import GitHubSession
from requests import PreparedRequest, Response

from mlops_ci.backends.github import patience
from mlops_ci.backends.github.problems import Unsure, lost, refused
from mlops_ci.errors import BackendError
from mlops_ci.io import clock

PATIENCE = 300.0  # seconds that one request may wait in all
SAFE = ("GET", "HEAD", "PUT", "PATCH", "DELETE")
VERSION = "2022-11-28"
CONNECT, READ = 10, 60  # seconds
SHORT = (3, 5)


class Session(GitHubSession):  # type: ignore[misc]
    """`secrets` gives every text that must not be shown. One in a `hurry` asks once, and waits for seconds."""

    def __init__(self, api_url: str, *, secrets: Callable[[], tuple[str, ...]], hurry: bool = False) -> None:
        connect, read = SHORT if hurry else (CONNECT, READ)
        super().__init__(default_connect_timeout=connect, default_read_timeout=read)
        self.tries = 1 if hurry else patience.TRIES
        self.base_url = api_url
        self.origin = _origin(api_url)
        self.secrets = secrets
        self.headers.update({"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": VERSION})
        self.headers["User-Agent"] = "mlops-ci"

    def request(self, method: str, url: str, *words: Any, repeat: bool | None = None, **named: Any) -> Response:
        """One request, repeated as long as that helps and patience lasts. `repeat` says that a POST may be.

        Raises Unsure where nobody knows whether it was done, BackendError where GitHub can't be reached.
        """
        again = method.upper() in SAFE if repeat is None else repeat
        named.setdefault("allow_redirects", method.upper() == "GET")
        spent = 0.0
        for attempt in range(self.tries):
            last = attempt == self.tries - 1
            try:
                response: Response = super().request(method, url, *words, **named)
            except requests.RequestException as error:
                begun = patience.begun(error)
                if last or not patience.passes(error) or (begun and not again):
                    raise lost(method, url, error, self.secrets(), unsure=begun) from None
                wait = patience.backoff(attempt)
            else:
                limited = patience.limited(response, attempt)
                if limited is None and response.status_code not in patience.PASSING:
                    return response
                if limited is None and not again:
                    raise Unsure(refused(response, self.secrets()))
                wait = patience.backoff(attempt) if limited is None else limited
                if last or spent + wait > PATIENCE:
                    raise refused(response, self.secrets(), wait=wait if limited is not None else None)
            spent += wait
            clock.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def send(self, request: PreparedRequest, **named: Any) -> Response:
        """Nothing, a redirect's target included, leaves the API's host."""
        if _origin(request.url or "") != self.origin:
            there = urlsplit(request.url or "").hostname  # without what may stand before it: a user and a password
            raise BackendError(f"GitHub's API sent us to {there}, where its token must not go: nothing was sent there")
        response: Response = super().send(request, **named)
        return response


def _origin(url: str) -> tuple[str, str, int]:
    split = urlsplit(url)
    return split.scheme, split.hostname or "", split.port or (443 if split.scheme == "https" else 80)
