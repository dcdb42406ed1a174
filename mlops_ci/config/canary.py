"""How traffic moves to a new release in one environment: `canary:` as typed data, with the schema's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_ci.config.durations import seconds
from mlops_ci.records.canary import CanaryPolicy

STEPS = (10, 50)
WINDOW, DEADLINE = "5m", "1h"
MIN_REQUESTS = 200
ERROR_RATE = 0.01


def policy(canary: Mapping[str, Any]) -> CanaryPolicy:
    """Of the keys below `canary:`."""
    slo = canary.get("slo", {})
    p99 = slo.get("p99_ms")
    return CanaryPolicy(
        steps=tuple(canary.get("steps", STEPS)),
        window=seconds(canary.get("window", WINDOW)),
        deadline=seconds(canary.get("deadline", DEADLINE)),
        min_requests=int(canary.get("min_requests", MIN_REQUESTS)),
        error_rate=float(slo.get("error_rate", ERROR_RATE)),
        p99_ms=None if p99 is None else float(p99),
    )
