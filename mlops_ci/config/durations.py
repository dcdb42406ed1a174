"""Spans of time as `mlops.yaml` writes them."""

from __future__ import annotations

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """`30s`, `5m`, `2h` or `1d`, as the schema allows them."""
    return float(text[:-1]) * UNITS[text[-1]]
