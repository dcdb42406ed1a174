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
    """Seconds until GitHub wants to hear from us again, None where it set no limit. GraphQL tells of one with 200."""
    headers = response.headers
    graphql = response.status_code == 200 and headers.get("X-RateLimit-Remaining") == "0"
    if response.status_code not in (403, 429) and not (graphql and '"RATE_LIMITED"' in response.text):
        return None
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


def passes(error: requests.RequestException) -> bool:
    """Whether a fault of the connection may be gone the next time; a URL or a header that is none stays so."""
    kinds = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, kinds)


def begun(error: requests.RequestException) -> bool:
    """Whether any of the request can have been sent, so that nobody knows what was done."""
    if not passes(error) or isinstance(error, (requests.ConnectTimeout, requests.exceptions.ProxyError)):
        return False
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ not in ("NewConnectionError", "ConnectTimeoutError", "NameResolutionError")
