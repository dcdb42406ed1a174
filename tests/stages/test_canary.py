"""A canary from its first step to its end, in every way there is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import pytest

from mlops_ci.backends.mlflow.registry import MlflowRegistry
from mlops_ci.backends.mlflow.tracker import MlflowTracker
from mlops_ci.errors import BackendError
from mlops_ci.ports.tracking import TrainedModel
from mlops_ci.records.canary import (
    KEPT_VERDICTS,
    Canary,
    CanaryDetails,
    CanaryPolicy,
    Outcome,
    Traffic,
    WindowJudgement,
    WindowVerdict,
)
from mlops_ci.records.codec import decode, encode
from mlops_ci.records.models import Release
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages.canary import lasted, tick, watch

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
URI = "sqlite:///.mlops/mlflow.db"
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
POLICY = CanaryPolicy(steps=(10, 50), window=300, deadline=3600, min_requests=200, error_rate=0.01)
GOOD, BAD, FEW = Traffic(requests=1000), Traffic(requests=1000, errors=100), Traffic(requests=3)


def release(number: int) -> Release:
    return Release(
        model="toy", version=str(number), model_digest=f"{number}" * 64, inputs_digest="", run_id=f"r{number}"
    )


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def said(verdict: WindowVerdict) -> WindowJudgement:
    return WindowJudgement(verdict=verdict)


@pytest.fixture
def first() -> Canary:
    return Canary(release=release(2), stable=release(1), percent=10, since="2026-03-01T12:00:00Z")


def test_each_pass_is_one_step_and_the_last_one_all(first: Canary) -> None:
    second = tick(first, POLICY, said(WindowVerdict.PASS), minutes(5))
    assert (second.percent, second.since, second.running) == (50, "2026-03-01T12:05:00Z", True)
    last = tick(second, POLICY, said(WindowVerdict.PASS), minutes(10))
    assert (last.percent, last.outcome) == (100, Outcome.PROMOTED)
    assert [(seen.percent, seen.verdict) for seen in last.verdicts] == [
        (10, WindowVerdict.PASS),
        (50, WindowVerdict.PASS),
    ]


def test_a_failure_takes_all_traffic_at_once(first: Canary) -> None:
    after = tick(first, POLICY, said(WindowVerdict.FAIL), minutes(5))
    assert (after.percent, after.outcome) == (0, Outcome.ROLLED_BACK)


@pytest.mark.parametrize("verdict", [WindowVerdict.INSUFFICIENT, WindowVerdict.ERROR])
def test_what_is_not_known_holds_until_the_deadline_of_its_step(first: Canary, verdict: WindowVerdict) -> None:
    held = tick(first, POLICY, said(verdict), minutes(59))
    assert (held.percent, held.since, held.running) == (10, first.since, True)
    further = tick(held, POLICY, said(WindowVerdict.PASS), minutes(59.5))
    assert tick(further, POLICY, said(verdict), minutes(60)).running, "each step has its own deadline"
    assert tick(held, POLICY, said(verdict), minutes(60)).outcome is Outcome.ROLLED_BACK


@pytest.mark.parametrize("verdict", list(WindowVerdict))
@pytest.mark.parametrize("outcome", [Outcome.PROMOTED, Outcome.ROLLED_BACK])
def test_what_is_over_stays_over(first: Canary, outcome: Outcome, verdict: WindowVerdict) -> None:
    over = replace(first, outcome=outcome)
    assert tick(over, POLICY, said(verdict), minutes(90)) == over


def test_only_a_pass_ever_gives_it_more(first: Canary) -> None:
    for verdict in set(WindowVerdict) - {WindowVerdict.PASS}:
        for minute in (0, 5, 60, 1000):
            assert tick(first, POLICY, said(verdict), minutes(minute)).percent <= first.percent


def test_steps_that_changed_meanwhile_go_on_from_its_share(first: Canary) -> None:
    at_fifty = replace(first, percent=50)
    assert tick(at_fifty, replace(POLICY, steps=(5, 20, 80)), said(WindowVerdict.PASS), minutes(5)).percent == 80
    gone = tick(at_fifty, replace(POLICY, steps=(5,)), said(WindowVerdict.PASS), minutes(5))
    assert gone.outcome is Outcome.PROMOTED


def test_a_clock_that_was_set_back_counts_as_no_time(first: Canary) -> None:
    assert lasted(first, minutes(-60)) == timedelta(0)
    assert tick(first, POLICY, said(WindowVerdict.ERROR), minutes(-60)).running


def test_the_state_is_kept_as_json_and_does_not_grow_for_ever(first: Canary) -> None:
    canary = first
    for minute in range(40):
        canary = tick(canary, POLICY, said(WindowVerdict.INSUFFICIENT), minutes(minute))
    assert len(canary.verdicts) == KEPT_VERDICTS
    assert decode(Canary, encode(canary)) == canary


@dataclass
class Kept:
    """A target that keeps one canary."""

    state: Canary | None
    moves: list[int] = field(default_factory=list)

    def canary(self, model: str, environment: str) -> Canary | None:
        return self.state

    def begins(self, release: Release, environment: str) -> Canary | None:
        raise AssertionError("nothing is deployed here")

    def shift(self, before: Canary, after: Canary, environment: str) -> None:
        assert before == self.state
        self.state = after
        self.moves.append(after.percent)


@dataclass
class Counts:
    """A meter that says what it is told, and remembers for what it was asked."""

    ours: Traffic | None
    stable: Traffic = GOOD
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)

    def traffic(self, model: str, digest: str, *, since: datetime, until: datetime) -> Traffic:
        self.asked.append((digest, since, until))
        if self.ours is None:
            raise BackendError("no answer from http://prometheus:9090")
        return self.ours if digest == release(2).model_digest else self.stable


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> MlflowRegistry:
    """A real registry with both versions."""
    root = tmp_path_factory.mktemp("registry")
    tracker = MlflowTracker(root=root, uri=URI)
    found = MlflowRegistry(root=root, uri=URI, registry_uri=URI)
    for number in (1, 2):
        directory = root / str(number)
        directory.mkdir()
        (directory / "MLmodel").write_text("")
        trained = TrainedModel(
            model="toy",
            directory=directory,
            inputs_digest=f"{number}",
            model_digest=release(number).model_digest,
            params={},
            metrics={},
            data={},
        )
        found.create("toy", tracker.record(trained), tags={})
    return found


@pytest.fixture
def registry(registered: MlflowRegistry) -> MlflowRegistry:
    """Its alias names the first version."""
    version = registered.version_of("toy", release(1).model_digest)
    assert version is not None
    registered.point("toy", "production", version)
    return registered


def look(target: Kept, meter: Counts, registry: MlflowRegistry, minute: float) -> StageResult:
    return watch("toy", "production", POLICY, target=target, meter=meter, registry=registry, now=minutes(minute))


def champion(registry: MlflowRegistry) -> str:
    found = registry.champion("toy", "production")
    assert found is not None
    return found.model_digest


def test_looks_on_a_schedule_promote_it_and_the_alias_follows(first: Canary, registry: MlflowRegistry) -> None:
    target, meter = Kept(first), Counts(GOOD)
    early = look(target, meter, registry, 3)
    assert (early.status, early.reason) == (
        Status.SKIPPED,
        "version 2 has 10% of the traffic since 2026-03-01T12:00:00Z; the window ends in 120 s",
    )
    assert meter.asked == []
    assert look(target, meter, registry, 7).reason == "version 2 goes from 10% to 50% of the traffic"
    assert meter.asked == [(release(2).model_digest, NOON, minutes(7)), (release(1).model_digest, NOON, minutes(7))]
    assert champion(registry) == release(1).model_digest
    done = look(target, meter, registry, 12)
    assert (done.status, done.outputs["outcome"]) == (Status.PASSED, "promoted")
    assert target.moves == [50, 100]
    assert champion(registry) == release(2).model_digest
    details = decode(CanaryDetails, done.details)
    assert (details.measured, details.beside, details.verdict) == (GOOD, GOOD, "pass")


def test_a_run_that_was_killed_before_the_alias_is_mended_by_the_next(first: Canary, registry: MlflowRegistry) -> None:
    promoted = replace(first, percent=100, outcome=Outcome.PROMOTED)
    result = look(Kept(promoted), Counts(GOOD), registry, 20)
    assert result.status is Status.SKIPPED
    assert champion(registry) == release(2).model_digest


def test_a_bad_one_is_red_and_says_what_serves(first: Canary, registry: MlflowRegistry) -> None:
    target = Kept(first)
    result = look(target, Counts(BAD), registry, 5)
    assert (result.status, result.exit_code) == (Status.FAILED, 10)
    assert result.reason.startswith(
        "version 2 is rolled back, version 1 serves: 100 of 1,000 failed (10.00%), beside 0"
    )
    assert target.moves == [0]
    assert champion(registry) == release(1).model_digest


def test_too_few_requests_hold_and_then_roll_back(first: Canary, registry: MlflowRegistry) -> None:
    target, meter = Kept(first), Counts(FEW)
    held = look(target, meter, registry, 30)
    assert (held.status, target.moves) == (Status.PASSED, [10])
    assert held.reason.endswith("too little is known: the canary was asked 3 times, and a window needs 200")
    assert meter.asked[0][1] == NOON, "the window grows with the step"
    over = look(target, meter, registry, 61)
    assert over.exit_code == 10
    assert "too little is known at its deadline" in over.reason


def test_a_meter_that_fails_is_an_error_that_holds(first: Canary, registry: MlflowRegistry) -> None:
    target = Kept(first)
    held = look(target, Counts(None), registry, 30)
    assert (held.status, held.exit_code, target.moves) == (Status.ERROR, 3, [10])
    assert "no answer from http://prometheus:9090" in held.reason
    assert look(target, Counts(GOOD), registry, 31).outputs["percent"] == "50"


def test_without_a_canary_there_is_nothing_to_do(registry: MlflowRegistry) -> None:
    assert look(Kept(None), Counts(GOOD), registry, 5).reason == "no canary is under way"
