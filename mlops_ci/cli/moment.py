"""A moment as somebody writes it: a day, or a time of a day with its zone."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from mlops_ci.errors import UsageError

DAY = r"\d{4}-\d\d-\d\d"
TIME = re.compile(rf"({DAY})[T ](\d\d:\d\d(?::\d\d)?) ?(Z|[+-]\d\d:\d\d)?", re.ASCII)
FORMS = "write a day (2026-01-31, to its end in UTC) or a time with its zone (2026-01-31T18:00Z, …T18:00+02:00)"


def moment_of(text: str, *, now: datetime) -> datetime:
    """The moment, in UTC; a day is asked about as it ended, and today as it is now.

    Raises UsageError for what is none, for a time without a zone, and for what is still to come.
    """
    try:
        found = _day(text, now) if re.fullmatch(DAY, text, re.ASCII) else _time(text)
    except (ValueError, OverflowError):
        raise UsageError(f"'{text}' is no date", hint=FORMS, docs="audit.md") from None
    if found > now:
        raise UsageError(f"{text} is still to come: nobody knows what will serve then", docs="audit.md")
    return found


def _day(text: str, now: datetime) -> datetime:
    begins = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    ends = begins + timedelta(days=1, microseconds=-1)
    return min(now, ends) if begins <= now else ends


def _time(text: str) -> datetime:
    found = TIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, time, zone = found.groups()
    if zone is None:
        raise UsageError(f"'{text}' is a time without a zone", hint=FORMS, docs="audit.md")
    written = f"{day}T{time}{zone.replace('Z', '+00:00')}"
    return datetime.fromisoformat(written).astimezone(timezone.utc)
