"""A pull request that is kept current, on GitHub: the same rules, and not one write where nothing is new."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mlops_ci.io import clock
from mlops_ci.records.forge import PullState
from mlops_ci.records.living import HOLD, Action, Outcome, Proposal
from mlops_ci.stages.living import keep, withdraw
from tests.backends.forge_contract import RELEASE
from tests.backends.github_place import GitHubPlace, place, still
from tests.stages.living import BRANCH, KEY, proposal

__all__ = ["place", "still"]
pytestmark = pytest.mark.slow


def kept(place: GitHubPlace, what: Proposal | None = None) -> Outcome:
    return keep(what or proposal(), forge=place.forge, now=clock.now())


def writes(place: GitHubPlace, what: Proposal) -> int:
    """How many requests of one run were no reads; a GraphQL query is counted as one."""
    before = len(place.hub.faults.writes())
    kept(place, what)
    return len(place.hub.faults.writes()) - before


def test_opened_left_alone_and_brought_up_to_date(place: GitHubPlace) -> None:
    opened = kept(place)
    assert (opened.action, place.files(BRANCH)[RELEASE]) == (Action.OPENED, "version 1")
    assert writes(place, proposal()) == 0
    place.commit("main", {"kept.txt": "newer"})
    assert writes(place, proposal()) == 0, "a base that only moved on is no reason"
    updated = kept(place, proposal("2"))
    assert (updated.action, updated.number) == (Action.UPDATED, opened.number)
    assert place.files(BRANCH) == {"kept.txt": "newer", RELEASE: "version 2"}


@pytest.mark.parametrize("what", ["commit", "hold", "update branch"])
def test_a_person_wins(place: GitHubPlace, what: str) -> None:
    number = kept(place).number
    if what == "commit":
        place.commit(BRANCH, {"note.txt": "mine"})
    elif what == "hold":
        place.forge.label(number, add=[HOLD])
    else:  # GitHub's button merges the base into the branch
        place.commit("main", {"kept.txt": "newer"})
        place.beside.git("fetch", "-q", "origin")
        place.beside.git("checkout", "-q", "-B", BRANCH, f"origin/{BRANCH}")
        place.beside.git("merge", "-q", "--no-edit", "origin/main")
        place.beside.git("push", "-q", "origin", BRANCH)
    expected = Action.HELD if what == "hold" else Action.FROZEN
    assert kept(place, proposal("2")).action is expected
    assert writes(place, proposal("2")) == 0
    assert place.files(BRANCH)[RELEASE] == "version 1"
    assert len(place.forge.comments(number)) == (0 if what == "hold" else 1)


def test_a_branch_deleted_by_a_person_closes_it_and_means_not_now(place: GitHubPlace) -> None:
    number = kept(place).number
    place.delete(BRANCH)
    assert kept(place).action is Action.QUIET
    assert place.forge.pull(number).state is PullState.CLOSED
    later = keep(proposal(), forge=place.forge, now=clock.now() + timedelta(days=15))
    assert (later.action, later.number) == (Action.OPENED, 2)


def test_withdrawn_with_a_note_and_its_branch(place: GitHubPlace) -> None:
    number = kept(place).number
    outcome = withdraw(KEY, "main", forge=place.forge, reason="It is blocked.")
    assert outcome.action is Action.CLOSED
    assert "It is blocked." in place.forge.comments(number)[0].body
    assert (place.forge.pull(number).state, place.forge.tip(BRANCH)) == (PullState.CLOSED, "")


def test_merged_it_has_nothing_left_to_propose(place: GitHubPlace) -> None:
    opened = kept(place)
    place.forge.merge(opened.number, head=opened.head)
    assert kept(place).action is Action.NOTHING
    assert kept(place, proposal("2")).number == 2
