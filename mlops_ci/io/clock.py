"""The one door to the clock."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(timezone.utc)


def timestamp() -> str:
    """The current time as ISO 8601 in UTC to the second, e.g. `2026-03-01T12:00:00Z`."""
    return now().strftime("%Y-%m-%dT%H:%M:%SZ")


def stopwatch() -> float:
    """Seconds on a clock that never goes back; only differences mean something."""
    return time.monotonic()


def processor() -> float:
    """Processor seconds, user and system, of this process and of every child that has ended; only differences count."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def sleep(seconds: float) -> None:
    """Wait. Only retries with backoff have a reason to."""
    time.sleep(seconds)
