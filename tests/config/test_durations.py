"""Spans of time in `mlops.yaml`."""

from __future__ import annotations

import pytest

from mlops_ci.config.durations import seconds


@pytest.mark.parametrize(
    ("text", "expected"), [("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86400), ("0s", 0), ("007m", 420)]
)
def test_a_number_and_its_unit(text: str, expected: float) -> None:
    assert seconds(text) == expected
