"""What an environment asks of a release, at moments that the test chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import cast

import pytest

from mlops_ci.config.types import Environment
from mlops_ci.errors import GateFailed
from mlops_ci.ports.deploying import Deployer
from mlops_ci.ports.forge import Forge
from mlops_ci.records.forge import Approval, PullRequest, PullState
from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving
from mlops_ci.stages.requirements import approvers, require
from tests.backends.forge_place import LocalPlace
from tests.stages.releasing import model, release

SINCE = "2026-03-01T12:00:00Z"
BEGAN = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Serves:
    """A target of which nothing but what serves is asked."""

    release: Release | None
    answering: bool = True
    since: str = SINCE

    def serving(self, model: str, environment: str) -> Serving | None:
        if self.release is None or environment != "staging":
            return None
        return Serving(release=self.release, url="", answering=self.answering, since=self.since)


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., None]:
    place = LocalPlace.create(tmp_path / "r")

    def asked(now: datetime, serves: Serves, **requires: object) -> None:
        toy = model(**requires)

        def deployer(environment: Environment) -> Deployer:
            return cast(Deployer, serves)

        require(release(1), toy, toy.environments[1], deployer=deployer, forge=place.forge, brought_by="", now=now)

    return asked


@pytest.mark.parametrize("requires", [{"verified_in": "staging", "min_soak": "12h"}, {"min_soak": "12h"}])
def test_it_must_have_served_for_so_long(ask: Callable[..., None], requires: dict[str, str]) -> None:
    serves = Serves(release(1))
    for early in (timedelta(hours=11, minutes=59), timedelta(0), timedelta(days=-30)):  # a clock that was set back
        with pytest.raises(GateFailed, match=f"only since {SINCE}; 12h are asked for"):
            ask(BEGAN + early, serves, **requires)
    ask(BEGAN + timedelta(hours=12), serves, **requires)


@pytest.mark.parametrize(
    "serves", [Serves(None), Serves(release(2)), Serves(release(1), answering=False), Serves(release(1), since="")]
)
@pytest.mark.parametrize("requires", [{"verified_in": "staging"}, {"min_soak": "0s"}])
def test_another_release_or_a_silent_server_proves_nothing(
    ask: Callable[..., None], serves: Serves, requires: dict[str, str]
) -> None:
    with pytest.raises(GateFailed, match="does not serve in staging, which must come first"):
        ask(BEGAN + timedelta(days=1), serves, **requires)


def test_nothing_asked_is_nothing_looked_at(ask: Callable[..., None]) -> None:
    ask(BEGAN, Serves(None))


@dataclass(frozen=True)
class Merged:
    """A forge with one merged promotion, and who approved which commit of it."""

    pull: PullRequest

    def pulls(self, *, branch: str, state: PullState) -> tuple[PullRequest, ...]:
        assert (branch, state) == ("mlops-ci/promote/toy/production", PullState.MERGED)
        return (self.pull,)

    def approvals(self, number: int) -> tuple[Approval, ...]:
        return tuple(Approval(author=who, commit=commit, at="") for who, commit in (("ann", "head"), ("bob", "older")))


@pytest.mark.parametrize(("brought_by", "people"), [("squash", ("ann",)), ("head", ("ann",)), ("other", ())])
def test_approvals_count_however_the_promotion_was_merged(brought_by: str, people: tuple[str, ...]) -> None:
    """A squash is the commit that wrote the file; a merge commit leaves that to the branch's own."""
    pull = PullRequest(
        number=1,
        branch="b",
        base="main",
        head="head",
        title="",
        body="",
        author="us",
        opened_at="",
        state=PullState.MERGED,
        merge_commit="squash",
    )
    assert approvers("toy", "production", brought_by, cast(Forge, Merged(pull))) == people
