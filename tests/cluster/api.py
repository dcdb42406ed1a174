"""A plain client of a Kubernetes API server: the tests' own eyes, and nothing that what they test uses too."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
SECONDS = 60.0
STEP = 0.05


class ApiError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body[:1000]}")
        self.status = status
        self.body = body


@dataclass(frozen=True, kw_only=True)
class Api:
    """One user's access."""

    url: str
    authority: str
    token: str

    def call(self, method: str, path: str, body: Any = None, kind: str = JSON) -> Any:
        """One request. Raises ApiError, and OSError where nobody answers."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind, "Accept": JSON}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, method=method, data=data, headers=headers)
        context = ssl.create_default_context(cadata=self.authority)
        try:
            with urllib.request.urlopen(request, context=context, timeout=SECONDS) as response:
                content = response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(error.code, error.read().decode()) from None
        return json.loads(content) if content.startswith((b"{", b"[")) else content.decode()

    def get(self, path: str) -> Any:
        """What is at `path`; None where nothing is, or a new kind's storage is not up yet."""
        try:
            return self.call("GET", path)
        except ApiError as error:
            if error.status in (404, 429):
                return None
            raise

    def create(self, path: str, body: Any) -> Any:
        """A new object."""
        return self.call("POST", path, body)

    def merge(self, path: str, body: Any) -> Any:
        """Change some fields, e.g. of `…/status`."""
        return self.call("PATCH", path, body, MERGE)

    def apply(self, path: str, body: Any, *, manager: str = "tests") -> Any:
        """A server-side apply."""
        return self.call("PATCH", f"{path}?fieldManager={manager}&force=true", body, APPLY)

    def wait(self, path: str, true: Callable[[Any], object]) -> Any:
        """What is at `path`, as soon as `true` of it. Fails with what is there where that does not come."""
        ended = time.monotonic() + SECONDS
        while True:
            found = self.get(path)
            if found is not None and true(found):
                return found
            if time.monotonic() > ended:
                raise AssertionError(f"{path} did not come true: {json.dumps(found)[:3000]}")
            time.sleep(STEP)


def condition(found: Any, name: str) -> str:
    """The status of one condition: 'True', 'False', 'Unknown', or '' where it is not there."""
    conditions = found.get("status", {}).get("conditions") or []
    return next((str(one["status"]) for one in conditions if one["type"] == name), "")
