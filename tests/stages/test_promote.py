"""What a promotion asks for before it proposes, and what its plan says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.config import release_file
from mlops_ci.records.models import Release
from mlops_ci.records.plans import Action
from mlops_ci.records.promotion import Judged
from mlops_ci.records.results import StageResult, Status
from mlops_ci.report.promotion_text import sections
from mlops_ci.stages.promote import Promotion, plan, propose
from tests.backends.forge_place import LocalPlace
from tests.stages.living import written
from tests.stages.releasing import model, release

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize("there", [False, True])
def test_what_the_base_has_already_asks_the_tracker_nothing(tmp_path: Path, there: bool) -> None:
    place = LocalPlace.create(tmp_path / "r")
    toy, found = model(), release(1, commit="a" * 40, run_id="r1")
    source, target = toy.environments
    promotion = Promotion(model=toy, release=found, source=source, target=target, current=found if there else None)
    if there:
        place.commit("main", {promotion.path: release_file.render(found).decode()})
    asked: list[Release] = []

    def judged(release: Release) -> Judged:
        asked.append(release)
        return Judged(release=release, reason="not kept")

    result = propose(promotion, forge=place.forge, base="main", text=sections, judged=judged, now=NOW, sequence=1)
    assert asked == ([] if there else [found])
    assert ("has it already" if there else "opened") in result.reason


@dataclass(frozen=True)
class Shop:
    """Staging serves version 1, production nothing; what is proposed is at the local forge."""

    place: LocalPlace

    def found(self, version: int = 1, *, named: bool = False) -> Promotion:
        toy = model()
        source, target = toy.environments
        found = release(version, commit="a" * 40)
        return Promotion(model=toy, release=found, source=source, target=target, current=None, named=named)

    def planned(self, version: int = 1, *, named: bool = False, days: float = 0) -> tuple[Action, str]:
        """The plan, which writes nothing."""
        before = written(self.place)
        step = plan(self.found(version, named=named), **self._asked(days))
        assert written(self.place) == before
        return step.action, step.what

    def proposed(self, version: int = 1, *, named: bool = False, days: float = 0) -> StageResult:
        return propose(self.found(version, named=named), **self._asked(days))

    def _asked(self, days: float) -> Any:
        return {
            "forge": self.place.forge,
            "base": "main",
            "text": sections,
            "judged": lambda release: Judged(release=release, reason="not kept"),
            "now": datetime.now(timezone.utc) + timedelta(days=days),
            "sequence": 1,
        }


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(LocalPlace.create(tmp_path / "r"))


def test_a_plan_says_what_the_request_leaves_to_be_done(shop: Shop) -> None:
    assert shop.planned() == (Action.DO, "Promote toy version 1 to production")
    shop.proposed()
    assert shop.planned() == (Action.DONE, "pull request #1 proposes version 1")
    action, what = shop.planned(2)
    assert (action, what.startswith("Promote toy version 2 to production: update pull request #1: ")) == (
        Action.DO,
        True,
    )
    shop.place.approve(1)
    assert shop.planned()[0] is Action.DO, "who approved is told in its text"
    shop.place.forge.label(1, add=("mlops-ci:hold",))
    assert shop.planned() == (Action.SKIP, "pull request #1 held: the label mlops-ci:hold stops all writes")
    shop.place.forge.label(1, remove=("mlops-ci:hold",))
    shop.place.forge.merge(1, head=shop.place.forge.pull(1).head)
    assert shop.planned() == (Action.DONE, "production has version 1")


def test_one_that_was_closed_is_proposed_again_later_or_newer_or_by_its_name(shop: Shop) -> None:
    shop.proposed()
    shop.place.forge.close(1)
    action, what = shop.planned()
    assert action is Action.SKIP
    assert what.startswith("pull request #1 quiet: #1 was closed without a merge: not before ")
    by_name = "mlops-ci promote --model toy --environment production --release 1"
    assert what.endswith(f"UTC, unless a newer version comes, or '{by_name}' names this one")
    result = shop.proposed()
    assert (result.status, result.reason) == (Status.SKIPPED, what)
    assert shop.planned(days=15)[0] is Action.DO
    assert shop.planned(2)[0] is Action.DO
    assert shop.planned(named=True)[0] is Action.DO
    assert "#2 opened" in shop.proposed(named=True).reason
    assert shop.planned() == (Action.DONE, "pull request #2 proposes version 1"), "what was opened by name lives on"
