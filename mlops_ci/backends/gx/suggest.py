"""A first suite from a profile: what is true of the data now, with room, and a note why each expectation is there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mlops_ci.records.validation import ColumnProfile, DataProfile

ROOM = 0.5
NUMBERS = ("int", "uint", "float", "double", "decimal", "numeric", "real", "bigint")


def suggest(profile: DataProfile, *, name: str) -> dict[str, Any]:
    """A suite in Great Expectations' own JSON; the data it was made from passes it."""
    low, high = math.floor(profile.rows * (1 - ROOM)), math.ceil(profile.rows * (1 + ROOM))
    expectations = [
        _expect(
            "expect_table_row_count_to_be_between",
            {"min_value": max(1, low), "max_value": high},
            f"There are {profile.rows:,} rows now; half as many or half more would be a surprise.",
        ),
        _expect(
            "expect_table_columns_to_match_set",
            {"column_set": [column.name for column in profile.columns], "exact_match": True},
            "A column that comes or goes should be a decision.",
        ),
    ]
    for column in profile.columns:
        expectations += _column(column)
    return {
        "name": name,
        "expectations": expectations,
        "meta": {
            "notes": f"Suggested from {profile.data}. Read it, tighten what you know, and drop what does not matter."
        },
    }


def _column(column: ColumnProfile) -> Iterator[dict[str, Any]]:
    if column.null_share == 0:
        yield _expect("expect_column_values_to_not_be_null", {"column": column.name}, "No value is missing now.")
    elif column.null_share < 1:
        mostly = math.floor((1 - column.null_share) * 95) / 100
        note = f"{100 * column.null_share:.3g} % are missing now; 5 % more are let through."
        kwargs = {"column": column.name, "mostly": mostly}
        yield _expect("expect_column_values_to_not_be_null", kwargs, note, "warning")
    if column.dtype.lower().startswith(NUMBERS):
        yield from _range(column)


def _range(column: ColumnProfile) -> Iterator[dict[str, Any]]:
    """The range that was seen, widened by half of itself on both sides; a column that is never negative stays so."""
    try:
        low, high = float(column.low), float(column.high)
    except ValueError:
        return
    if not (math.isfinite(low) and math.isfinite(high)):
        return
    reach = (high - low) * ROOM
    least = 0.0 if low >= 0 and low - reach < 0 else low - reach
    note = f"Between {column.low} and {column.high} now; half of that range is allowed on top."
    kwargs = {"column": column.name, "min_value": _tidy(least), "max_value": _tidy(high + reach)}
    yield _expect("expect_column_values_to_be_between", kwargs, note, "warning")


def _tidy(value: float) -> float | int:
    return int(value) if value == int(value) and abs(value) < 1e15 else float(f"{value:.6g}")


def _expect(kind: str, kwargs: dict[str, Any], note: str, severity: str = "critical") -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "meta": {"notes": note}, "severity": severity}
