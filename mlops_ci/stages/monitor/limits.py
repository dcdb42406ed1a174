"""What alerts are held against, from mlops.yaml: one recorded series for each limit of a model in an environment.

So there is one set of rules for all of them, and a limit is changed in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlops_ci.config.canary import ERROR_RATE
from mlops_ci.config.types import Config, Model

MOVED = 0.2  # distance, from 0 to 1, between the predictions of six hours and those of a day before
OLDEST = 2 * 24 * 3600  # seconds; the drift workflow runs once a day


def limits(config: Config) -> dict[str, Any]:
    """The document of limits.yml. A file of rules must have a group; one without rules does no harm."""
    return {"groups": [{"name": "mlops-ci-limits", "interval": "1m", "rules": list(_rules(config))}]}


def watches(model: Model) -> bool:
    """Whether mlops.yaml says where a model's production data is."""
    return bool(model.drift.current)


def _rules(config: Config) -> Iterator[dict[str, Any]]:
    for model in config.models.values():
        for place in model.environments:
            named = {"model": model.name, "environment": place.name}
            slo = place.options.get("canary", {}).get("slo", {})
            yield _rule("errors", slo.get("error_rate", ERROR_RATE), named)
            if (longest := _longest_ms(model, slo)) is not None:
                yield _rule("seconds", longest / 1000, named)
            if watches(model):
                yield _rule("predictions_moved", MOVED, named)
        if watches(model):
            yield _rule("drift_age_seconds", OLDEST, {"model": model.name})


def _longest_ms(model: Model, slo: Mapping[str, Any]) -> float | None:
    """What an environment keeps its canaries to, else what every candidate was measured against."""
    if (found := slo.get("p99_ms")) is not None:
        return float(found)
    return model.evaluate.serving.p99_ms if model.evaluate and model.evaluate.serving else None


def _rule(name: str, limit: float, labels: Mapping[str, str]) -> dict[str, Any]:
    return {"record": f"mlops_ci:{name}:limit", "expr": f"vector({limit:g})", "labels": dict(labels)}
