"""Whether rows still come, and when the passing of time alone may change the answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from mlops_ci.config.durations import seconds
from mlops_ci.config.types import Drift
from mlops_ci.ports.drift import Watched
from mlops_ci.records.results import Check, Status
from mlops_ci.stages.drift_rules import FILES, FRESH

WINDOWS_OLD = 3  # so many windows without a row are too old
UNREAD = 2  # so many of the newest files that can't be read are none that are just being written


@dataclass(frozen=True, kw_only=True)
class Newest:
    """What came last: the time of the newest `row` (ISO 8601 in UTC, '' where there is none), when the newest file
    that can be read was written (`file`, seconds since 1970, 0 where rows are no files), and how many newer files
    can't be read."""

    row: str = ""
    file: float = 0.0
    unread: int = 0

    @classmethod
    def of(cls, watched: Watched) -> Newest:
        """Of rows of production."""
        return cls(row=watched.newest(), file=watched.written(), unread=watched.unread)

    def came(self, drift: Drift) -> float:
        """By the rows' own times, where they have some; seconds since 1970, 0 where nobody knows."""
        if drift.time:
            return moment(self.row) if self.row else 0.0
        return self.file


def age_allowed(drift: Drift) -> float:
    """Seconds that the newest row may be old; 0 for any age."""
    if drift.fresh:
        return seconds(drift.fresh)
    return WINDOWS_OLD * seconds(drift.window) if drift.window[-1:] in "mhd" else 0.0


def freshness(drift: Drift, newest: Newest, *, now: float, where: str) -> list[Check]:
    """Silence is a breach of its own, and of one run; so are files that nobody can read. `now` is in seconds since
    1970."""
    found = []
    if allowed := age_allowed(drift):
        came = newest.came(drift)
        if not came:
            text, red = "no row has a time that is not ahead of the clock", True
        else:
            what = "row" if drift.time else "file that can be read"
            told = f"{datetime.fromtimestamp(came, timezone.utc):%Y-%m-%dT%H:%M:%SZ}, {_days(now - came)} ago"
            text, red = f"the newest {what} is of {told} (limit {_days(allowed)})", now - came > allowed
        found.append(_check(FRESH, text, red=red, where=where))
    if newest.unread >= max(UNREAD, drift.consecutive):
        found.append(_check(FILES, f"the newest {newest.unread} files can't be read", red=True, where=where))
    return found


def _check(name: str, text: str, *, red: bool, where: str) -> Check:
    return Check(name=name, status=Status.FAILED if red else Status.PASSED, message=text, where=where)


def again(drift: Drift, newest: Newest, now: float) -> float:
    """When the window of the newest row will be over, or that row too old: whichever is next, and still to come."""
    came = newest.came(drift)
    if not came:
        return 0.0
    moments = []
    if drift.window[-1:] in "mhd":
        length = seconds(drift.window)
        moments.append((came // length + 1) * length)
    if allowed := age_allowed(drift):
        moments.append(came + allowed)
    return min((item for item in moments if item > now), default=0.0)


def moment(text: str) -> float:
    """ISO 8601 in UTC as seconds since 1970."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


def _days(age: float) -> str:
    return f"{age / 86400:.3g} days" if abs(age) >= 86400 else f"{age / 3600:.3g} hours"
