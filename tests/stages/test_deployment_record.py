"""Deployments as reviewers see them at GitHub: each turn once, and never in a deployment's way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.reviewing import GitHubReviewing
from mlops_ci.config.types import Environment
from mlops_ci.errors import GateFailed, StaleError, UsageError
from mlops_ci.ports.reviewing import Reviewing
from mlops_ci.records.canary import Canary, Outcome
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release
from mlops_ci.records.results import StageResult, Status
from mlops_ci.records.serving import DeploymentDetails, Serving
from mlops_ci.stages.deploy import Plan
from mlops_ci.stages.deployment_record import Board
from tests.backends.github_place import GitHubPlace, place, still

__all__ = ["place", "still"]
pytestmark = pytest.mark.slow
URL = "http://127.0.0.1:8080"
PRODUCTION = Environment(name="production", target="local", namespace="", options={})
ONE = Release(model="churn", version="1", model_digest="1" * 64, inputs_digest="a" * 64, run_id="r1", commit="c" * 40)
TWO = replace(ONE, version="2", model_digest="2" * 64)


class Deploying:
    """A pipeline that deploys at GitHub; `said` are the lines of its log."""

    def __init__(self, place: GitHubPlace) -> None:
        self.place = place
        self.said: list[str] = []
        self.served: Serving | None = None

    @property
    def board(self) -> Board:
        """A process of its own each time."""
        commit = self.place.repo.bare.tip("main")
        log = "https://github.example.com/acme/models/actions/runs/7"
        return Board(
            reviewing=lambda: GitHubReviewing(Api(self.place.access)), place="production", commit=commit, log_url=log
        )

    def plan(self, release: Release) -> Plan:
        return Plan(release=release, environment=PRODUCTION, serving=self.served)

    def deploy(self, release: Release, *, canary: bool = False) -> None:
        planned = self.plan(release)
        self.board.begin(planned, say=self.said.append)
        self.board.end(done(release), canary=canary, say=self.said.append)
        self.served = Serving(release=release, url=URL, answering=True, since="")

    def turns(self) -> list[tuple[str, str]]:
        """(version, its states) of each record, the first one first."""
        kept = self.place.repo.environments
        return [
            (item["payload"]["version"], " ".join(turn["state"] for turn in kept.get(item["id"], [])))
            for item in self.place.repo.deployments
        ]

    def writes(self) -> int:
        return len(self.place.hub.faults.writes())


def done(release: Release) -> StageResult:
    details = DeploymentDetails(
        environment="production", target="local", release=release, url=URL, changed=True, before="", rollback=False
    )
    return StageResult(stage="deploy-production", model="churn", status=Status.PASSED, details=encode(details))


@pytest.fixture
def deploying(place: GitHubPlace) -> Deploying:
    return Deploying(place)


def test_a_deployment_begins_serves_and_is_retired_by_the_next(deploying: Deploying, place: GitHubPlace) -> None:
    deploying.deploy(ONE)
    (record,) = place.repo.deployments
    assert (record["environment"], record["payload"]["model_digest"]) == ("production", "1" * 64)
    last = place.repo.environments[record["id"]][-1]
    assert (last["environment_url"], last["description"]) == (URL, "version 1 serves")
    place.commit("main", {"kept.txt": "2"})
    deploying.deploy(TWO)
    assert deploying.turns() == [("1", "in_progress success inactive"), ("2", "in_progress success")]


def test_a_rerun_with_nothing_new_only_reads(deploying: Deploying, place: GitHubPlace) -> None:
    deploying.deploy(ONE)
    before = deploying.writes()
    deploying.deploy(ONE)
    place.commit("main", {"README.md": "words"})
    place.hub.faults.log.clear()
    deploying.deploy(ONE)
    assert deploying.writes() == 0
    assert len(place.hub.faults.log) == 2, "the newest record and how it stands"
    assert (before, deploying.turns()) == (3, [("1", "in_progress success")])


def test_what_was_killed_is_finished_by_the_next_run(deploying: Deploying) -> None:
    deploying.board.begin(deploying.plan(ONE), say=deploying.said.append)
    deploying.served = Serving(release=ONE, url=URL, answering=True, since="")
    deploying.deploy(ONE)
    assert deploying.turns() == [("1", "in_progress success")]


def test_a_rollback_is_a_deployment_of_its_own(deploying: Deploying, place: GitHubPlace) -> None:
    for number, release in enumerate((ONE, TWO, ONE)):
        place.commit("main", {"kept.txt": str(number)})
        deploying.deploy(release)
    assert [version for version, _ in deploying.turns()] == ["1", "2", "1"]
    assert [states.split()[-1] for _, states in deploying.turns()] == ["inactive", "inactive", "success"]


def test_one_that_failed_leaves_what_served_before(deploying: Deploying, place: GitHubPlace) -> None:
    deploying.deploy(ONE)
    place.commit("main", {"kept.txt": "2"})
    deploying.board.begin(deploying.plan(TWO), say=deploying.said.append)
    deploying.board.fail(TWO, GateFailed("the smoke failed"), say=deploying.said.append)
    assert deploying.turns() == [("1", "in_progress success"), ("2", "in_progress failure")]
    assert place.repo.environments[place.repo.deployments[1]["id"]][-1]["description"] == "version 2 the smoke failed"


def test_one_that_came_too_late_is_no_failure(deploying: Deploying) -> None:
    deploying.board.begin(deploying.plan(ONE), say=deploying.said.append)
    deploying.board.fail(ONE, StaleError("a later commit's release serves"), say=deploying.said.append)
    assert deploying.turns() == [("1", "in_progress inactive")]


@pytest.mark.parametrize(("outcome", "last"), [(Outcome.PROMOTED, "success"), (Outcome.ROLLED_BACK, "failure")])
def test_a_canary_is_in_progress_until_it_is_decided(
    deploying: Deploying, place: GitHubPlace, outcome: Outcome, last: str
) -> None:
    deploying.deploy(ONE)
    place.commit("main", {"kept.txt": "2"})
    deploying.deploy(TWO, canary=True)
    canary = Canary(release=TWO, stable=ONE, percent=10, since="")
    deploying.board.canary(canary, say=deploying.said.append)
    assert deploying.turns()[1] == ("2", "in_progress in_progress"), "it begins, and it is a canary"
    place.commit("main", {"kept.txt": "later"})
    deploying.board.canary(replace(canary, outcome=outcome), say=deploying.said.append)
    assert deploying.turns()[1] == ("2", f"in_progress in_progress {last}")
    assert deploying.turns()[0][1].endswith("inactive" if last == "success" else "success")


def test_what_serves_no_more_is_inactive(deploying: Deploying) -> None:
    deploying.board.gone(say=deploying.said.append)
    deploying.deploy(ONE)
    for _ in range(2):
        deploying.board.gone(say=deploying.said.append)
    assert deploying.turns() == [("1", "in_progress success inactive")]


def test_what_github_refuses_stops_no_deployment(deploying: Deploying, place: GitHubPlace) -> None:
    message = "Resource not accessible by integration"
    place.hub.faults.add(method="POST", path="/deployments", status=403, message=message, times=9)
    deploying.deploy(ONE)
    assert deploying.turns() == []
    assert all(line.startswith("warning: the deployment is not recorded: ") for line in deploying.said)
    assert deploying.said

    def missing() -> Reviewing | None:
        raise UsageError("the extra 'github' is missing")

    replace(deploying.board, reviewing=missing).gone(say=deploying.said.append)
    replace(deploying.board, reviewing=lambda: None).gone(say=deploying.said.append)
    assert deploying.said[-1] == "warning: the deployment is not recorded: the extra 'github' is missing"
