"""One look at a canary: measure the window, judge it, move traffic. A schedule calls it; nothing here waits.

The state is kept by the target, so any run can go on where another one was killed, on any machine.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from mlops_ci.errors import BackendError
from mlops_ci.evaluation.canary import judge, unmeasured
from mlops_ci.ports.deploying import CanaryTarget, TrafficMeter
from mlops_ci.ports.tracking import Registry
from mlops_ci.records.canary import (
    KEPT_VERDICTS,
    Canary,
    CanaryDetails,
    CanaryPolicy,
    Outcome,
    Traffic,
    WindowJudgement,
    WindowRecord,
    WindowVerdict,
)
from mlops_ci.records.codec import encode
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages.deploy import pointed

ISO = "%Y-%m-%dT%H:%M:%SZ"
HELD = {WindowVerdict.INSUFFICIENT: "too little is known", WindowVerdict.ERROR: "the window could not be measured"}


def name_of(environment: str) -> str:
    """The stage's name in results."""
    return f"canary-{environment}"


def tick(canary: Canary, policy: CanaryPolicy, judgement: WindowJudgement, now: datetime) -> Canary:
    """What follows from a window. PASS takes the next step, or all after the last; FAIL takes all away; what is
    not known holds, until the step's deadline, and then takes all away. What is not running stays as it is.
    """
    if not canary.running:
        return canary
    record = WindowRecord(
        at=now.strftime(ISO), percent=canary.percent, verdict=judgement.verdict, reason=judgement.reason
    )
    seen = replace(canary, verdicts=(*canary.verdicts, record)[-KEPT_VERDICTS:])
    if judgement.verdict is WindowVerdict.PASS:
        further = next((step for step in policy.steps if step > canary.percent), None)
        if further is None:
            return replace(seen, percent=100, outcome=Outcome.PROMOTED, since=record.at)
        return replace(seen, percent=further, since=record.at)
    overdue = lasted(canary, now) >= timedelta(seconds=policy.deadline)
    if judgement.verdict is WindowVerdict.FAIL or overdue:
        return replace(seen, percent=0, outcome=Outcome.ROLLED_BACK, since=record.at)
    return seen


def lasted(canary: Canary, now: datetime) -> timedelta:
    """How long the canary's share is what it is; a clock that was set back counts as no time."""
    since = datetime.strptime(canary.since, ISO).replace(tzinfo=timezone.utc)
    return max(now - since, timedelta(0))


def watch(
    model: str,
    environment: str,
    policy: CanaryPolicy,
    *,
    target: CanaryTarget,
    meter: TrafficMeter,
    registry: Registry,
    now: datetime,
) -> StageResult:
    """Look once. The window is all that was seen since the step began, and at least as long as the policy has it. The
    registry's alias moves with the promotion.

    Raises StaleError where another run moved the canary meanwhile, and BackendError where the target fails.
    """
    canary = target.canary(model, environment)
    if canary is None:
        return _skipped(model, environment, None, "no canary is under way")
    if not canary.running:  # whoever moved the traffic may have been killed before the alias
        named = (pointed(canary.release, environment, registry),) if canary.outcome is Outcome.PROMOTED else ()
        return replace(_skipped(model, environment, canary, "no canary is under way"), checks=named)
    left = policy.window - lasted(canary, now).total_seconds()
    if left > 0:
        return _skipped(model, environment, canary, f"{_share(canary)}; the window ends in {left:.0f} s")
    judgement, measured, beside = _measured(model, canary, policy, meter, now)
    after = tick(canary, policy, judgement, now)
    target.shift(canary, after, environment)
    details = CanaryDetails(
        environment=environment, canary=after, verdict=judgement.verdict.value, measured=measured, beside=beside
    )
    named = (pointed(after.release, environment, registry),) if after.outcome is Outcome.PROMOTED else ()
    return StageResult(
        stage=name_of(environment),
        model=model,
        status=_status(after, judgement),
        reason=_reason(canary, after, judgement),
        checks=(*judgement.checks, *named),
        outputs=_outputs(after, judgement.verdict.value),
        details=encode(details),
    )


def _measured(
    model: str, canary: Canary, policy: CanaryPolicy, meter: TrafficMeter, now: datetime
) -> tuple[WindowJudgement, Traffic | None, Traffic | None]:
    since = now - lasted(canary, now)
    try:
        ours = meter.traffic(model, canary.release.model_digest, since=since, until=now)
        stable = meter.traffic(model, canary.stable.model_digest, since=since, until=now)
    except BackendError as error:
        return unmeasured(str(error)), None, None
    return judge(ours, stable, policy), ours, stable


def _status(after: Canary, judgement: WindowJudgement) -> Status:
    """Red where the canary was rolled back; an error where it could not be measured, so that somebody looks."""
    if after.outcome is Outcome.ROLLED_BACK:
        return Status.FAILED
    return Status.ERROR if judgement.verdict is WindowVerdict.ERROR else Status.PASSED


def _reason(before: Canary, after: Canary, judgement: WindowJudgement) -> str:
    name = f"version {after.release.version}"
    if after.outcome is Outcome.PROMOTED:
        return f"{name} is promoted: it serves all of the traffic"
    if after.outcome is Outcome.ROLLED_BACK:
        held = HELD.get(judgement.verdict)
        why = f"{held} at its deadline: {judgement.reason}" if held else judgement.reason
        return f"{name} is rolled back, version {after.stable.version} serves: {why}"
    if after.percent != before.percent:
        return f"{name} goes from {before.percent}% to {after.percent}% of the traffic"
    return f"{_share(after)}; {HELD[judgement.verdict]}: {judgement.reason}"


def _share(canary: Canary) -> str:
    return f"version {canary.release.version} has {canary.percent}% of the traffic since {canary.since}"


def _skipped(model: str, environment: str, canary: Canary | None, reason: str) -> StageResult:
    details = encode(CanaryDetails(environment=environment, canary=canary)) if canary is not None else {}
    return StageResult(
        stage=name_of(environment),
        model=model,
        status=Status.SKIPPED,
        reason=reason,
        outputs=_outputs(canary, "") if canary is not None else {},
        details=details,
    )


def _outputs(canary: Canary, verdict: str) -> dict[str, str]:
    return {"verdict": verdict, "percent": str(canary.percent), "outcome": canary.outcome.value}
