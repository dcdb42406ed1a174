"""A release that gets a growing share of an environment's traffic, and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mlops_ci.records.models import Release
from mlops_ci.records.results import Check

KEPT_VERDICTS = 20


class WindowVerdict(str, Enum):
    """What one window says. Only PASS moves traffic to the canary."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INSUFFICIENT = "insufficient"
    ERROR = "error"


class Outcome(str, Enum):
    """Where a canary stands. What is not running stays as it is."""

    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled-back"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """How many answers took at most `seconds`."""

    seconds: float
    answers: int


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What one revision was asked to predict in a window: `errors` were answered with 5xx, `refused` with 4xx, the rest
    with a prediction, within the times of `buckets`: cumulated, in ascending order, without the one that has no limit.
    """

    requests: int = 0
    errors: int = 0
    refused: int = 0
    buckets: tuple[Bucket, ...] = ()

    @property
    def answers(self) -> int:
        """Requests that were answered with a prediction."""
        return self.requests - self.errors - self.refused


@dataclass(frozen=True, kw_only=True)
class CanaryPolicy:
    """How traffic moves. `steps` are ascending percentages, each watched for `window` seconds at least and `deadline`
    seconds at most; `p99_ms` None asks nothing of latency."""

    steps: tuple[int, ...]
    window: float
    deadline: float
    min_requests: int
    error_rate: float
    p99_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class WindowJudgement:
    """The verdict on one window and the checks that it is made of."""

    verdict: WindowVerdict
    checks: tuple[Check, ...] = ()

    @property
    def reason(self) -> str:
        """What the verdict rests on, in one line."""
        return "; ".join(check.message for check in self.checks)


@dataclass(frozen=True, kw_only=True)
class WindowRecord:
    """One verdict, kept. `at` is when it was given, ISO 8601 in UTC; `percent` the canary's share then."""

    at: str
    percent: int
    verdict: WindowVerdict
    reason: str


@dataclass(frozen=True, kw_only=True)
class Canary:
    """The state of a canary: all that the next run needs. `release` has `percent` of the traffic since `since` (ISO
    8601 in UTC), `stable` the rest. `verdicts` are the latest ones."""

    release: Release
    stable: Release
    percent: int
    since: str
    outcome: Outcome = Outcome.RUNNING
    verdicts: tuple[WindowRecord, ...] = ()

    @property
    def running(self) -> bool:
        """Whether traffic is split."""
        return self.outcome is Outcome.RUNNING


@dataclass(frozen=True, kw_only=True)
class CanaryDetails:
    """The details of a `canary` result. The two windows are None where nothing was measured."""

    environment: str
    canary: Canary
    verdict: str = ""
    measured: Traffic | None = None
    beside: Traffic | None = None
