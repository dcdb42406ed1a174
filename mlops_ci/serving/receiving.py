"""A request's body, read up to a limit and within a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from mlops_ci.serving.refusals import Refusal, malformed

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Gone(Exception):
    """The client left before its request was whole."""


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], *, limit: int, seconds: float) -> bytes:
    """The body. Raises Refusal: 413 as soon as it is known to be over `limit` bytes, 408 after `seconds`.

    What is refused is never held: the connection's reader throws the rest away, so that the client gets the answer.
    """
    length = headers.get(b"content-length")
    if length is not None and (not length.isdigit() or int(length) > limit):
        raise _too_large(limit) if length.isdigit() else malformed("the content length is no number")
    expired, task = False, asyncio.current_task()

    def expire() -> None:  # asyncio.wait_for would make a task of its own for each request
        nonlocal expired
        expired = True
        if task is not None:
            task.cancel()

    timer = asyncio.get_running_loop().call_later(seconds, expire)
    try:
        return await _read(receive, limit)
    except asyncio.CancelledError:
        if not expired:
            raise
        raise Refusal(408, "the body did not arrive in time", reason="timeout") from None
    finally:
        timer.cancel()


async def _read(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        if len(body) + len(part) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(body + part) if body else part
        body += part


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"the body is over the limit of {limit / 1e6:g} MB", reason="too_large")
