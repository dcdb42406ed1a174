"""What the comparison of candidate and champion found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_ci.records.results import Verdict
from mlops_ci.records.training import ParamChange


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A point estimate with a two-sided confidence interval; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class MetricResult:
    """One metric on the holdout. `difference` is candidate − champion in the metric's own units (not sign-flipped);
    `p_value` is two-sided for a difference of zero; `higher_is_better` gives the direction; `reason` says why a
    difference has no interval, and so no verdict."""

    metric: str
    higher_is_better: bool
    candidate: Interval
    confidence: float
    method: str
    champion: Interval | None = None
    difference: Interval | None = None
    p_value: float | None = None
    verdict: Verdict | None = None
    margin: float = 0.0
    rows_needed: int | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SliceResult:
    """One slice. `p_value` is one-sided for a drop larger than `max_drop`, Holm-adjusted over all slices tested;
    `drop` is the loss of quality (positive is worse, whatever the direction). `tested` is false below min_rows,
    and where there is no value or no interval: then `reason` says why."""

    by: str
    value: str
    metric: str
    rows: int
    candidate: float | None
    champion: float | None
    drop: float | None
    low: float | None
    high: float | None
    p_value: float | None
    max_drop: float
    tested: bool
    failed: bool
    flipped: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line to draw: `name` (e.g. `candidate`), and equally long x and y (at most 200 points)."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """`kind`: roc, pr, calibration, residuals, score-differences. `text` says in words what the picture shows."""

    kind: str
    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Flips:
    """Rows whose predicted class (or, in regression, whose error) changed: mended, broken, or neither."""

    mended: int
    broken: int
    other: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class ServingFacts:
    """What the real model server did with the candidate: one row a request, one request at a time. `memory_mb` is the
    server's largest resident size, `ready_seconds` the time from its start to its first answer."""

    requests: int
    p50_ms: float
    p99_ms: float
    memory_mb: float
    ready_seconds: float


@dataclass(frozen=True, kw_only=True)
class EvaluationDetails:
    """The details of an `evaluate` result; gates are the result's checks."""

    verdict: Verdict | None
    verdict_reason: str
    task: str
    label: str
    holdout: str
    holdout_digest: str
    rows: int
    judgement_digest: str
    candidate_run: str
    candidate_digest: str
    champion_version: str = ""
    champion_digest: str = ""
    champion_predictions: str = ""
    clusters: int | None = None
    overlap: int | None = None
    classes: tuple[str, ...] = ()
    metrics: tuple[MetricResult, ...] = ()
    slices: tuple[SliceResult, ...] = ()
    charts: tuple[Chart, ...] = ()
    param_changes: tuple[ParamChange, ...] = ()
    flips: Flips | None = None
    flips_by_slice: Mapping[str, Flips] = field(default_factory=dict)
    scoring_seconds: float | None = None
    serving: ServingFacts | None = None
    notes: tuple[str, ...] = ()
