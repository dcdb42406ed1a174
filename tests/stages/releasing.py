"""Releases for tests, and how they were judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mlops_ci.config.types import Environment, Model
from mlops_ci.records.evaluation import EvaluationDetails, Interval, MetricResult
from mlops_ci.records.models import Release


def release(version: int, **changed: str) -> Release:
    digest = f"{version}" * 64
    made = Release(
        model="toy", version=str(version), model_digest=digest, inputs_digest=digest, run_id=f"r{version}", commit="c"
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def model(**requires: object) -> Model:
    """Staging, and production with what it asks for."""
    places = (Environment(name="staging"), Environment(name="production", options={"requires": requires}))
    return Model(name="toy", root=Path(), environments=places)


def metric(name: str, value: float, *, champion: float | None = None) -> MetricResult:
    """A metric with an interval of a tenth to each side, and of the difference a hundredth."""
    difference = None if champion is None else value - champion
    return MetricResult(
        metric=name,
        higher_is_better=True,
        candidate=Interval(value=value, low=value - 0.1, high=value + 0.1),
        confidence=0.95,
        method="test",
        champion=None if champion is None else Interval(value=champion, low=champion - 0.1, high=champion + 0.1),
        difference=(
            None if difference is None else Interval(value=difference, low=difference - 0.01, high=difference + 0.01)
        ),
    )


def details(version: int, *metrics: MetricResult, against: int | None = None, holdout: str = "h") -> EvaluationDetails:
    return EvaluationDetails(
        verdict=None,
        verdict_reason="",
        task="classification",
        label="label",
        holdout=f"data/{holdout}.csv",
        holdout_digest=holdout * 64,
        rows=1500,
        judgement_digest="",
        candidate_run=f"r{version}",
        candidate_digest=f"{version}" * 64,
        champion_version=str(against or ""),
        champion_digest=f"{against}" * 64 if against else "",
        metrics=metrics,
    )
