"""What GitHub, or the way to it, said no with: one sentence, a cure, and never a token."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from requests import RequestException, Response
from requests.exceptions import SSLError

from mlops_ci.errors import BackendError, UsageError
from mlops_ci.io import clock

LONGEST = 300
HIDDEN = "***"
TOKENS = re.compile(r"\b(gh[a-z]_|github_pat_)\w+|\beyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=://)[^/@\s]+(?=@)")


class GitHubError(BackendError):
    """An answer that is no success."""

    page = "github.md"

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Unsure(BackendError):
    """A write whose answer was lost, or a server's 502: it may have happened. `cause` is what to raise in the end."""

    page = "github.md"

    def __init__(self, cause: BackendError) -> None:
        super().__init__(cause.message, hint=cause.hint)
        self.cause = cause


def hidden(text: str, secrets: Sequence[str]) -> str:
    """The text without any of the secrets, or anything else that looks like a token."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    return TOKENS.sub(HIDDEN, text)


def lost(method: str, url: str, error: RequestException, secrets: Sequence[str], *, unsure: bool) -> BackendError:
    """Nobody answered. The library's own error is left out: it may show a proxy's password."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    reason = type(error).__name__
    hint = "is GITHUB_API_URL right, is the proxy (HTTPS_PROXY, NO_PROXY) right, and is https://githubstatus.com green?"
    if isinstance(error, SSLError):
        hint = "is its certificate known here? REQUESTS_CA_BUNDLE names a file with that of your own authority"
    found = BackendError(hidden(f"no answer from {host} to {method}: {reason}", secrets), hint=hint, docs="github.md")
    return Unsure(found) if unsure else found


def refused(response: Response, secrets: Sequence[str], *, wait: float | None = None) -> GitHubError:
    """What an answer of 300 and above says; `wait` is how long GitHub's rate limit would still take, in seconds."""
    request = response.request
    what = f"{request.method} {urlsplit(str(request.url)).path}"
    if wait is not None:
        until = (clock.now() + timedelta(seconds=wait)).strftime("%H:%M:%S")
        message = f"GitHub's rate limit is used up until {until} UTC ({what})"
        return GitHubError(message, status=response.status_code, hint="run again then, or use a GitHub App's token")
    said = hidden(_said(response), secrets)[:LONGEST]
    message = f"GitHub answered {response.status_code} to {hidden(what, secrets)}: {said}"
    return GitHubError(message, status=response.status_code, hint=_cure(response))


def no_json(response: Response) -> GitHubError:
    """An answer that is not GitHub's: a login page of a proxy, or of a server that is no GitHub."""
    message = f"the answer from {urlsplit(str(response.url)).hostname} is no JSON, so it is not from GitHub's API"
    hint = "is GITHUB_API_URL right, and does a proxy ask for a login?"
    return GitHubError(message, status=response.status_code, hint=hint)


def missing(repository: str, number: int) -> UsageError:
    """No pull request has this number."""
    message = f"there is no pull request {number} in {repository}"
    return UsageError(message, hint="may the token read pull requests?", docs="github.md#tokens")


def _said(response: Response) -> str:
    try:
        body: Any = response.json()
    except ValueError:
        return response.reason or "no reason given"
    if not isinstance(body, Mapping):
        return response.reason or "no reason given"
    errors = body.get("errors")
    details = [_detail(item) for item in errors[:5]] if isinstance(errors, list) else []
    return " ".join([str(body.get("message", "")), *(f"({item})" for item in details if item)])


def _detail(item: object) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    return str(item.get("message") or " ".join(str(item[key]) for key in ("field", "code") if key in item))


def _cure(response: Response) -> str:
    """What to do about it; GitHub names the permission that a fine-grained token lacks."""
    status = response.status_code
    if status == 401:
        return "the token is wrong, was revoked or ran out; docs/github.md says where it comes from"
    if status in (301, 302, 307, 308):
        return "was the repository renamed? GITHUB_REPOSITORY must be its name of today"
    if status in (403, 404):
        needed = response.headers.get("X-Accepted-GitHub-Permissions", "")
        return f"the token needs the permission {needed}" if needed else "may the token do this? see docs/github.md"
    return "is https://githubstatus.com green?" if status >= 500 else ""
