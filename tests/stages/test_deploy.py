"""What is planned and told where a canary has a share of the traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from mlops_ci.config.types import Environment
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.ports.say import Say
from mlops_ci.ports.tracking import Registry
from mlops_ci.records.canary import Canary, Outcome
from mlops_ci.records.models import Release
from mlops_ci.records.plans import Action
from mlops_ci.records.results import Status
from mlops_ci.records.serving import Serving
from mlops_ci.stages.deploy import Dock, apply, came_here, plan
from mlops_ci.stages.scoring import Home
from tests.stages.releasing import release

PLACE = Environment(name="production", target="kserve")
URL = "http://toy"
BESIDE = Canary(release=release(2), stable=release(1), percent=10, since="2026-03-01T12:00:00Z")


@dataclass
class Splits:
    """A target whose stable release is version 1; `changes` is what a deployment says of itself."""

    state: Canary | None
    altered: str = ""
    changes: bool = False
    next: Canary | None = None
    served: Sequence[Release] = (release(1),)

    def serving(self, model: str, environment: str) -> Serving | None:
        return Serving(release=release(1), url=URL, answering=True, since="", altered=self.altered)

    def recorded(self, model: str, environment: str) -> tuple[Release, ...]:
        return tuple(self.served)

    def deploy(self, job: DeployJob, *, say: Say) -> tuple[Serving, bool]:
        found = self.serving(job.release.model, job.environment)
        assert found is not None
        return found, self.changes

    def delete(self, model: str, environment: str, *, sequence: int | None) -> None:
        raise AssertionError("nothing is deleted here")

    def canary(self, model: str, environment: str) -> Canary | None:
        return self.state

    def begins(self, release: Release, environment: str) -> Canary | None:
        return self.next

    def shift(self, before: Canary, after: Canary, environment: str) -> None:
        raise AssertionError("no traffic is moved here")


def test_a_canary_is_what_was_wanted() -> None:
    step = plan(release(2), PLACE, deployer=Splits(BESIDE)).step
    assert step.action is Action.DONE
    assert step.what == "version 2 (model 222222222222) in production (kserve) is a canary with 10% of the traffic"


def test_one_that_would_begin_is_told_with_its_share() -> None:
    step = plan(release(2), PLACE, deployer=Splits(None, next=BESIDE)).step
    what = "version 2 (model 222222222222) in production (kserve)"
    assert step.what == f"begin a canary: {what} gets 10% of the traffic, version 1 keeps the rest"
    third = replace(BESIDE, release=release(3))
    step = plan(release(3), PLACE, deployer=Splits(BESIDE, next=third)).step
    assert step.action is Action.DO
    assert step.what.endswith("version 1 keeps the rest; the canary under way, version 2, goes")


def test_one_that_somebody_changed_is_to_be_mended() -> None:
    step = plan(release(2), PLACE, deployer=Splits(BESIDE, altered="its share was changed by hand")).step
    assert step.action is Action.DO
    assert "its share was changed by hand" in step.what


def test_wanting_the_stable_one_means_that_the_canary_goes() -> None:
    step = plan(release(1), PLACE, deployer=Splits(BESIDE)).step
    assert step.action is Action.DO
    assert step.what.endswith("in production (kserve) alone: its canary, version 2, goes")


@pytest.mark.parametrize("state", [None, replace(BESIDE, percent=0, outcome=Outcome.ROLLED_BACK)])
def test_without_one_the_plan_is_as_ever(state: Canary | None) -> None:
    assert plan(release(1), PLACE, deployer=Splits(state)).step.action is Action.DONE
    step = plan(release(2), PLACE, deployer=Splits(state)).step
    assert step.action is Action.DO
    assert step.what.endswith("instead of version 1")


@pytest.mark.parametrize(("changes", "word"), [(True, ""), (False, " already")])
def test_the_result_says_that_it_is_a_canary_and_leaves_the_alias(changes: bool, word: str, tmp_path: Path) -> None:
    target = Splits(BESIDE, changes=changes)
    dock = Dock(
        home=cast(Home, None),  # nothing is brought, and no alias moves
        registry=cast(Registry, None),
        deployer=target,
        sequence=1,
        requirements=(),
        server_code=lambda folder: None,
    )
    result = apply(plan(release(2), PLACE, deployer=target), dock, say=lambda line: None)
    assert result.reason == f"version 2 is a canary with 10% of the traffic{word} in production at {URL}"
    assert result.details["share"] == 10
    assert (result.checks[-1].name, result.checks[-1].status) == ("alias production", Status.SKIPPED)


@pytest.mark.parametrize(
    ("state", "wanted", "came"),
    [
        (None, release(1), True),
        (None, release(2), False),
        (BESIDE, release(2), True),
        (BESIDE, replace(release(2), verdict="pass"), False),
        (replace(BESIDE, percent=0, outcome=Outcome.ROLLED_BACK), release(2), False),
    ],
)
def test_what_has_a_share_of_the_traffic_was_let_in_already(state: Canary | None, wanted: Release, came: bool) -> None:
    assert came_here(wanted, "production", deployer=Splits(state)) is came
