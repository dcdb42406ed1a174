"""The retraining pull request on GitHub: the same stage, and not one write where nothing is new."""

from __future__ import annotations

import pytest

from mlops_ci.records.forge import PullState
from mlops_ci.records.living import HOLD
from mlops_ci.records.results import Status
from tests.backends.github_place import GitHubPlace, place, still
from tests.stages.retraining import BRANCH, DATA, Story

__all__ = ["place", "still"]
pytestmark = pytest.mark.slow


def writes(story: Story) -> tuple[int, int]:
    """Requests that were no reads, and challengers that were made, in one run."""
    assert isinstance(story.place, GitHubPlace)
    before, made = len(story.place.hub.faults.writes()), story.made
    story.run()
    return len(story.place.hub.faults.writes()) - before, story.made - made


def test_opened_left_alone_brought_up_to_date_and_closed(place: GitHubPlace) -> None:
    story = Story(place=place, quiet=True)
    opened = story.run()
    assert (opened.status, opened.outputs["pr"]) == (Status.PASSED, "1")
    pull = place.forge.pull(1)
    assert (pull.branch, pull.reviewers, pull.draft) == (BRANCH, ("ann",), False)
    assert "GitHub starts no workflow" in pull.body
    assert writes(story) == (0, 0)
    place.commit("main", {"other.txt": "x"})
    assert writes(story) == (0, 0), "a base that only moved on is no reason"

    story.states.append("breach")
    story.source = "2"
    assert story.run().outputs["pr"] == "1"
    assert place.files(BRANCH)[DATA] == "md5: 2"
    assert place.files(BRANCH)["other.txt"] == "x"
    assert len(place.forge.commits(BRANCH, base="main")) == 1

    story.states.append("fine")
    assert "closed" in story.run().reason
    assert (place.forge.pull(1).state, place.forge.tip(BRANCH)) == (PullState.CLOSED, "")
    assert writes(story) == (0, 0)


@pytest.mark.parametrize("what", ["commit", "hold", "close", "merge"])
def test_a_person_wins(place: GitHubPlace, what: str) -> None:
    story = Story(place=place)
    story.run()
    match what:
        case "commit":
            place.commit(BRANCH, {"note.txt": "mine"})
        case "hold":
            place.forge.label(1, add=[HOLD])
        case "close":
            place.forge.close(1)
        case _:
            place.forge.merge(1, head=place.forge.tip(BRANCH))
    story.states.append("breach")
    story.source = "2"
    assert story.run().status is Status.SKIPPED
    assert writes(story) == (0, 0)
    assert len(place.forge.pulls()) == 1


def test_a_challenger_that_is_worse_is_a_draft(place: GitHubPlace) -> None:
    Story(place=place, verdict="worse").run()
    assert place.forge.pull(1).draft
