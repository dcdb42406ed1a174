"""Whether rows still come, and when the passing of time alone may change the answer."""

from __future__ import annotations

from datetime import datetime, timezone

from mlops_ci.config.durations import seconds
from mlops_ci.config.types import Drift
from mlops_ci.records.results import Check, Status
from mlops_ci.stages.drift_rules import FRESH

WINDOWS_OLD = 3  # so many windows without a row are too old


def age_allowed(drift: Drift) -> float:
    """Seconds that the newest row may be old; 0 for any age."""
    if drift.fresh:
        return seconds(drift.fresh)
    return WINDOWS_OLD * seconds(drift.window) if drift.window[-1:] in "mhd" else 0.0


def freshness(drift: Drift, newest: str, *, now: float, where: str) -> list[Check]:
    """Silence is a breach of its own, and of one run. `newest` is ISO 8601 in UTC, `now` in seconds since 1970."""
    allowed = age_allowed(drift)
    if not allowed:
        return []
    if not newest:
        text, red = "no row has a time that is not ahead of the clock", True
    else:
        age = now - moment(newest)
        text, red = f"the newest row is of {newest}, {_days(age)} ago (limit {_days(allowed)})", age > allowed
    return [Check(name=FRESH, status=Status.FAILED if red else Status.PASSED, message=text, where=where)]


def again(drift: Drift, newest: str, now: float) -> float:
    """When the window of the newest row will be over, or that row too old: whichever is next, and still to come."""
    if not newest:
        return 0.0
    moments = []
    if drift.window[-1:] in "mhd":
        length = seconds(drift.window)
        moments.append((moment(newest) // length + 1) * length)
    if allowed := age_allowed(drift):
        moments.append(moment(newest) + allowed)
    return min((item for item in moments if item > now), default=0.0)


def moment(text: str) -> float:
    """ISO 8601 in UTC as seconds since 1970."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


def _days(age: float) -> str:
    return f"{age / 86400:.3g} days" if abs(age) >= 86400 else f"{age / 3600:.3g} hours"
