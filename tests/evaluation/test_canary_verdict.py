"""What one window of a canary says."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_ci.evaluation.canary import judge, slower
from mlops_ci.records.canary import Bucket, CanaryPolicy, Traffic, WindowVerdict
from mlops_ci.records.results import Status

POLICY = CanaryPolicy(steps=(10, 50), window=300, deadline=3600, min_requests=200, error_rate=0.01, p99_ms=150)


def traffic(requests: int, *, errors: int = 0, refused: int = 0, slow: int = 0) -> Traffic:
    """Answers within 100 ms, but `slow` ones of up to a second."""
    answers = requests - errors - refused
    buckets = (
        Bucket(seconds=0.1, answers=answers - slow),
        Bucket(seconds=0.15, answers=answers - slow),
        Bucket(seconds=1.0, answers=answers),
    )
    return Traffic(requests=requests, errors=errors, refused=refused, buckets=buckets)


@pytest.mark.parametrize(
    ("canary", "stable", "verdict"),
    [
        (traffic(400), traffic(3600), "pass"),
        (traffic(400, errors=4), traffic(3600, errors=36), "pass"),
        (traffic(199), traffic(1800), "insufficient"),
        (traffic(199, errors=199), traffic(1800), "insufficient"),
        (Traffic(), Traffic(), "insufficient"),
        (traffic(400), Traffic(), "insufficient"),
        # over the limit, and surely more than the stable revision
        (traffic(400, errors=20), traffic(3600, errors=3), "fail"),
        # within the limit, but surely more than the stable revision
        (traffic(4000, errors=30), traffic(36000, errors=3), "fail"),
        # over the limit by what may be chance
        (traffic(400, errors=5), traffic(3600, errors=36), "insufficient"),
        # surely over the limit, as the stable revision is: not the canary's doing
        (traffic(400, errors=40), traffic(3600, errors=360), "insufficient"),
        # surely over the limit; the stable revision keeps it, of too few requests to be surely better
        (traffic(400, errors=12), traffic(40), "fail"),
        # what the stable revision takes, the canary refuses
        (traffic(400, refused=40), traffic(3600, refused=4), "fail"),
        (traffic(400, refused=40), traffic(3600, refused=360), "pass"),
        # slower, within the limit and beyond it
        (traffic(1000, slow=9), traffic(9000), "pass"),
        (traffic(1000, slow=40), traffic(9000), "fail"),
        (traffic(1000, slow=12), traffic(9000, slow=85), "insufficient"),
        (traffic(1000, slow=40), traffic(9000, slow=360), "insufficient"),
        (traffic(1000, slow=80), traffic(9000, slow=180), "fail"),
        (traffic(400, errors=400), traffic(3600), "fail"),
    ],
)
def test_the_verdict(canary: Traffic, stable: Traffic, verdict: str) -> None:
    assert judge(canary, stable, POLICY).verdict.value == verdict


def test_the_worst_check_decides_and_all_are_told() -> None:
    found = judge(traffic(1000, errors=50, slow=40), traffic(9000, errors=9), POLICY)
    assert found.verdict is WindowVerdict.FAIL
    assert [(check.name, check.status) for check in found.checks] == [
        ("errors", Status.FAILED),
        ("refusals", Status.PASSED),
        ("latency", Status.FAILED),
    ]
    assert found.reason.startswith("50 of 1,000 failed (5.00%), beside 9 of 9,000 (0.10%); 0 of 1,000 were refused")


def test_without_a_limit_latency_is_not_asked() -> None:
    policy = CanaryPolicy(steps=(10,), window=300, deadline=3600, min_requests=200, error_rate=0.01)
    found = judge(traffic(1000, slow=500), traffic(9000), policy)
    assert [check.name for check in found.checks] == ["errors", "refusals"]
    assert found.verdict is WindowVerdict.PASS


@pytest.mark.parametrize(
    ("seconds", "count"), [(0.1, 40), (0.05, 70), (0.2, 20), (0.15, 30), (0.4, 10), (5.0, 10), (0.0, 100)]
)
def test_slower_is_linear_within_a_bucket(seconds: float, count: int) -> None:
    buckets = (Bucket(seconds=0.1, answers=60), Bucket(seconds=0.2, answers=80), Bucket(seconds=0.4, answers=90))
    assert slower(Traffic(requests=100, buckets=buckets), seconds) == count


def test_a_good_canary_is_seldom_rolled_back_and_a_bad_one_is_caught() -> None:
    """Windows of 500 requests beside 4,500, at 0.5% errors each, and at 4% for the bad one."""
    random = np.random.default_rng(11)

    def verdicts(share: float) -> list[WindowVerdict]:
        return [
            judge(
                traffic(500, errors=int(random.binomial(500, share))),
                traffic(4500, errors=int(random.binomial(4500, 0.005))),
                POLICY,
            ).verdict
            for _ in range(1000)
        ]

    good, bad = verdicts(0.005), verdicts(0.04)
    assert good.count(WindowVerdict.FAIL) <= 15
    assert good.count(WindowVerdict.PASS) >= 900
    assert bad.count(WindowVerdict.FAIL) >= 970
    assert bad.count(WindowVerdict.PASS) <= 1
