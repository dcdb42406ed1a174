"""Days and times as people write them; the time zone is never guessed."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from mlops_ci.cli.moment import moment_of
from mlops_ci.errors import UsageError

NOW = datetime(2026, 3, 29, 10, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", "2026-01-31T23:59:59.999999+00:00"),
        ("2024-02-29", "2024-02-29T23:59:59.999999+00:00"),
        ("2026-03-29", "2026-03-29T10:30:00+00:00"),  # today, as it is now
        ("2026-01-31T18:00Z", "2026-01-31T18:00:00+00:00"),
        ("2026-01-31 18:00:05 Z", "2026-01-31T18:00:05+00:00"),
        ("2026-01-31T00:30+02:00", "2026-01-30T22:30:00+00:00"),
        ("2026-01-31T23:30-08:00", "2026-02-01T07:30:00+00:00"),
    ],
)
def test_a_moment_in_utc(text: str, expected: str) -> None:
    assert moment_of(text, now=NOW).isoformat() == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-03-30", "is still to come"),
        ("2026-03-29T12:31+02:00", "is still to come"),
        ("2026-01-31T18:00", "a time without a zone"),
        ("2026-02-30", "is no date"),
        ("2026-1-31", "is no date"),
        ("yesterday", "is no date"),
        ("", "is no date"),
        ("20260131", "is no date"),
        ("2026-01-31T25:00Z", "is no date"),
        ("0001-01-01T00:00+14:00", "is no date"),
        ("٢٠٢٦-٠١-٣١", "is no date"),
    ],
)
def test_what_is_none_is_told(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        moment_of(text, now=NOW)
