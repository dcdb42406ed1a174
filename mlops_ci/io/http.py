"""The one door to HTTP of our own: one request, one answer, no redirect, no retry."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from mlops_ci.errors import BackendError

LARGEST = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A status, header names in lower case, and at most 16 MB of body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def call(method: str, url: str, *, body: bytes | None = None, timeout: float = 30.0) -> Answer:
    """Send one request with a JSON body. Raises BackendError where nobody answers within `timeout` seconds."""
    place = urlsplit(url)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.hostname or "", place.port, timeout=timeout)
    try:
        path = place.path + (f"?{place.query}" if place.query else "")
        connection.request(method, path, body=body, headers=_headers(place, body))
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(status=answer.status, headers=headers, body=answer.read(LARGEST))
    except (OSError, http.client.HTTPException) as error:
        reason = str(error) or type(error).__name__
        host = place.netloc.rpartition("@")[2]
        raise BackendError(f"no answer from {place.scheme}://{host}: {reason}") from error
    finally:
        connection.close()


def _headers(place: SplitResult, body: bytes | None) -> dict[str, str]:
    """A name and a password in a URL are sent as a server wants them."""
    found = {"content-type": "application/json"} if body else {}
    if place.username:
        said = f"{unquote(place.username)}:{unquote(place.password or '')}".encode()
        found["authorization"] = f"Basic {base64.b64encode(said).decode()}"
    return found


class Connection:
    """One connection that stays open, for many requests to one URL. Raises BackendError as `call` does."""

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        self.place = urlsplit(url)
        self.connection = http.client.HTTPConnection(self.place.hostname or "", self.place.port, timeout=timeout)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def post(self, body: bytes) -> int:
        """Send a JSON body, read the whole answer, and return its status."""
        try:
            self.connection.request("POST", self.place.path, body=body, headers={"content-type": "application/json"})
            answer = self.connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise BackendError(f"no answer from {self.place.netloc}: {error or type(error).__name__}") from error
        return answer.status
