"""The verdict on one window of a canary: its requests beside those of the stable revision in the same window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlops_ci.evaluation.shares import above, higher
from mlops_ci.records.canary import CanaryPolicy, Traffic, WindowJudgement, WindowVerdict
from mlops_ci.records.results import Check, Status

SURE = 0.01  # what happens by chance less often than this is not taken for chance
SLOW_SHARE = 0.01  # a 99th percentile within its limit: no more than this share is slower
STATUS = {
    WindowVerdict.PASS: Status.PASSED,
    WindowVerdict.FAIL: Status.FAILED,
    WindowVerdict.INSUFFICIENT: Status.SKIPPED,
    WindowVerdict.ERROR: Status.ERROR,
}


@dataclass(frozen=True, kw_only=True)
class Share:
    """Bad ones among the requests of canary and stable revision."""

    bad: int
    count: int
    stable_bad: int
    stable_count: int

    @property
    def ours(self) -> float:
        return self.bad / self.count if self.count else 0.0

    @property
    def stable(self) -> float:
        return self.stable_bad / self.stable_count if self.stable_count else 0.0

    @property
    def worse(self) -> bool:
        """Surely higher than the stable revision's."""
        return higher(self.bad, self.count, self.stable_bad, self.stable_count) < SURE


def judge(canary: Traffic, stable: Traffic, policy: CanaryPolicy) -> WindowJudgement:
    """What a window says.

    FAIL needs certainty: a share of errors or refusals that is surely higher than the stable revision's, or one of
    errors or slow answers that is surely over its limit while the stable revision keeps it. PASS needs enough requests
    that keep the limits. All else is INSUFFICIENT: too few requests, or over a limit by what may be chance, or as the
    stable revision is too.
    """
    if canary.requests < policy.min_requests:
        return _too_few(f"the canary was asked {canary.requests:,} times, and a window needs {policy.min_requests:,}")
    if stable.requests == 0:
        return _too_few("the stable revision was not asked, so there is nothing to compare with")
    checks = tuple(_checks(canary, stable, policy))
    verdicts = [verdict for verdict, _ in checks]
    for verdict in (WindowVerdict.FAIL, WindowVerdict.INSUFFICIENT, WindowVerdict.PASS):
        if verdict in verdicts:
            return WindowJudgement(verdict=verdict, checks=tuple(check for _, check in checks))
    raise AssertionError("a window has checks")


def unmeasured(reason: str) -> WindowJudgement:
    """Of a window that could not be looked at."""
    return WindowJudgement(verdict=WindowVerdict.ERROR, checks=(_check("traffic", WindowVerdict.ERROR, reason),))


def slower(traffic: Traffic, seconds: float) -> int:
    """How many answers took longer than `seconds`: linear within a bucket, as Prometheus' histogram_quantile has it."""
    below, lower = 0, 0.0
    for bucket in traffic.buckets:
        if bucket.seconds >= seconds:
            part = (seconds - lower) / (bucket.seconds - lower)
            return round(traffic.answers - below - part * (bucket.answers - below))
        below, lower = bucket.answers, bucket.seconds
    return traffic.answers - below


def _checks(canary: Traffic, stable: Traffic, policy: CanaryPolicy) -> Iterator[tuple[WindowVerdict, Check]]:
    failed = Share(bad=canary.errors, count=canary.requests, stable_bad=stable.errors, stable_count=stable.requests)
    verdict = WindowVerdict.FAIL if failed.worse else _limit(failed, policy.error_rate)
    yield verdict, _check("errors", verdict, _words(failed, "failed"), f"at most {policy.error_rate:.2%}")
    refused = Share(bad=canary.refused, count=canary.requests, stable_bad=stable.refused, stable_count=stable.requests)
    verdict = WindowVerdict.FAIL if refused.worse else WindowVerdict.PASS
    yield verdict, _check("refusals", verdict, _words(refused, "were refused"), "not more than of the stable revision")
    if policy.p99_ms is not None and canary.answers:
        limit = policy.p99_ms / 1000
        slow = Share(
            bad=slower(canary, limit),
            count=canary.answers,
            stable_bad=slower(stable, limit),
            stable_count=stable.answers,
        )
        verdict = _limit(slow, SLOW_SHARE)
        words = _words(slow, f"took longer than {policy.p99_ms:g} ms")
        yield verdict, _check("latency", verdict, words, f"at most {SLOW_SHARE:.0%}")


def _limit(share: Share, limit: float) -> WindowVerdict:
    """Of a share that has a limit of its own."""
    if share.ours <= limit:
        return WindowVerdict.PASS
    if share.worse:
        return WindowVerdict.FAIL
    sure = share.stable <= limit and above(share.bad, share.count, limit) < SURE
    return WindowVerdict.FAIL if sure else WindowVerdict.INSUFFICIENT


def _words(share: Share, what: str) -> str:
    return (
        f"{share.bad:,} of {share.count:,} {what} ({share.ours:.2%}), "
        f"beside {share.stable_bad:,} of {share.stable_count:,} ({share.stable:.2%})"
    )


def _too_few(message: str) -> WindowJudgement:
    verdict = WindowVerdict.INSUFFICIENT
    return WindowJudgement(verdict=verdict, checks=(_check("traffic", verdict, message),))


def _check(name: str, verdict: WindowVerdict, message: str, expected: str = "") -> Check:
    return Check(name=name, status=STATUS[verdict], message=message, expected=expected)
