"""When a request is repeated, and how long to wait before.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import requests
from requests import Response

from mlops_ci.io import clock

TRIES = 7
PASSING = (502, 503, 504)
SECONDARY = 60.0  # what GitHub asks for where it names no time
LONGEST = 30.0


def backoff(attempt: int) -> float:
    """1, 2, 4, … seconds, at most 30."""
    return float(min(2.0**attempt, LONGEST))


def limited(response: Response, attempt: int) -> float | None:
    """Seconds until GitHub wants to hear from us again, None where it set no limit."""
    if response.status_code not in (403, 429):
        return None
    headers = response.headers
    if (named := headers.get("Retry-After", "")).isdecimal():
        return float(named)
    if headers.get("X-RateLimit-Remaining") == "0" and (reset := headers.get("X-RateLimit-Reset", "")).isdecimal():
        return max(1.0, float(reset) - _now(response) + 1.0)
    if response.status_code == 429 or "rate limit" in response.text.lower():
        return SECONDARY * 2.0**attempt
    return None


def _now(response: Response) -> float:
    """GitHub's clock where it tells it, as a runner's may be wrong."""
    try:
        return parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return clock.now().timestamp()


def never_sent(error: requests.RequestException) -> bool:
    """Whether the connection failed before any of the request was sent, so that nothing can have been done."""
    if isinstance(error, (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ in ("NewConnectionError", "ConnectTimeoutError", "NameResolutionError")
