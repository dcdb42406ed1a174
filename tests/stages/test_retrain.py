"""Drift answered by one living pull request, rule by rule, on the local forge with real git."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlops_ci.errors import ForgeConflict
from mlops_ci.records.forge import PullState
from mlops_ci.records.living import HOLD
from mlops_ci.records.results import StageResult, Status
from tests.backends.forge_place import LocalPlace
from tests.stages.living import written
from tests.stages.retraining import BRANCH, CODE, DATA, Story


@pytest.fixture
def place(tmp_path: Path) -> LocalPlace:
    return LocalPlace.create(tmp_path / "r")


@pytest.fixture
def story(place: LocalPlace) -> Story:
    return Story(place=place)


def nothing(
    story: Story, place: LocalPlace, reason: str, *, days: float = 0, status: Status = Status.SKIPPED, made: int = 0
) -> None:
    """A run says why, writes nothing, and makes no challenger, or asks `made` times for newer data in vain."""
    before, made = written(place), story.made + made
    result = story.run(days=days)
    assert reason in result.reason
    assert (result.status, result.exit_code) == (status, 0)
    assert (written(place), story.made) == (before, made)


def answered(story: Story) -> int:
    """The pull request's number."""
    result = story.run()
    assert result.status is Status.PASSED, result.reason
    return int(result.outputs["pr"])


def more(story: Story) -> None:
    """Another window breaches, and the source has newer data."""
    story.states.append("breach")
    story.source += "1"


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        (["fine"], "no breach"),
        (["breach", "fine"], "no breach"),
        (["fine", "breach"], "1 of 2 windows in a row breach"),
        (["fine", "breach", "unjudged"], "1 of 2 windows in a row breach"),
        (["unjudged"], "no window could be judged"),
        ([], "no window could be judged"),
    ],
)
def test_too_little_is_no_reason(story: Story, place: LocalPlace, states: list[str], reason: str) -> None:
    story.states = states
    nothing(story, place, reason)


def test_without_labels_nobody_knows_that_a_metric_recovered(story: Story, place: LocalPlace) -> None:
    story.band = 3
    number = answered(story)
    story.states, story.unlabelled = ["breach", "breach", "fine"], True
    nothing(story, place, "no window has labels")
    story.unlabelled = False
    assert story.run().status is Status.PASSED
    assert place.forge.pull(number).state is PullState.CLOSED


def test_silence_is_nothing_to_train_on(story: Story, place: LocalPlace) -> None:
    story.states, story.stale = ["fine"], True
    nothing(story, place, "nothing new comes from production")


def test_it_is_opened_with_everything(story: Story, place: LocalPlace) -> None:
    result = story.run()
    pull = place.forge.pull(1)
    assert (result.outputs["pr"], result.outputs["verdict"]) == ("1", "better")
    assert (pull.branch, pull.base, pull.draft, pull.reviewers) == (BRANCH, "main", False, ("ann",))
    assert pull.title == "Retrain toy: drift in a, b"
    for text in (
        "2 of 2 windows",
        "w1, w2",
        "DVC remote store",
        "md5 1",
        "    make data",
        f"git fetch origin {BRANCH}",
    ):
        assert text in pull.body
    assert "GITHUB_TOKEN" not in pull.body
    assert place.files(BRANCH)[DATA] == "md5: 1"


@pytest.mark.parametrize(("columns", "title"), [((), "accuracy fell"), (("a", "b"), "accuracy fell, drift in a, b")])
def test_a_metric_that_fell_is_named(story: Story, place: LocalPlace, columns: tuple[str, ...], title: str) -> None:
    story.metric, story.columns = "accuracy", columns
    pull = place.forge.pull(answered(story))
    assert pull.title == f"Retrain toy: {title}"
    assert ", ".join(["accuracy", *columns]) in pull.body


def test_a_token_that_starts_no_workflow_is_told(story: Story, place: LocalPlace) -> None:
    story.quiet = True
    assert "GitHub starts no workflow" in place.forge.pull(answered(story)).body


def test_the_same_windows_and_base_write_nothing(story: Story, place: LocalPlace) -> None:
    answered(story)
    nothing(story, place, "it answers these windows already", status=Status.PASSED)
    place.commit("main", {"other.txt": "x"})
    story.source = "not even looked at"
    nothing(story, place, "it answers these windows already", status=Status.PASSED)


def test_newer_data_is_one_commit_on_the_current_base_and_a_persons_text_is_kept(
    story: Story, place: LocalPlace
) -> None:
    number = answered(story)
    place.human.update(number, body=f"Wait for Bob.\n\n{place.forge.pull(number).body}", title="Mine")
    base = place.commit("main", {"other.txt": "x"})
    more(story)
    assert answered(story) == number
    (commit,) = place.forge.commits(BRANCH, base="main")
    assert commit.parents == (base,)
    pull = place.forge.pull(number)
    assert pull.body.startswith("Wait for Bob.\n\n<!-- mlops-ci:begin")
    assert "w1, w2, w3" in pull.body
    assert pull.title == "Mine"
    assert len(place.forge.pulls()) == 1


@pytest.mark.parametrize("change", ["windows", "code"])
def test_the_same_data_in_another_light_is_told_and_makes_no_commit(
    story: Story, place: LocalPlace, change: str
) -> None:
    number = answered(story)
    place.approve(number)
    tip = place.forge.tip(BRANCH)
    if change == "windows":
        story.states.append("breach")
    else:
        place.commit("main", {CODE: "theirs\n"})
    story.verdict = "worse"
    assert answered(story) == number
    assert (story.made, place.forge.tip(BRANCH)) == (2, tip), "approvals count on"
    assert "worse than the champion" in place.forge.pull(number).body
    nothing(story, place, "it answers these windows already", status=Status.PASSED)


def test_a_base_that_conflicts_is_answered_anew(story: Story, place: LocalPlace) -> None:
    number = answered(story)
    base = place.commit("main", {DATA: "theirs\n"})
    assert answered(story) == number
    (commit,) = place.forge.commits(BRANCH, base="main")
    assert commit.parents == (base,)
    pull = place.forge.pull(number)
    assert place.forge.merge(number, head=pull.head).state is PullState.MERGED
    assert place.files("main")[DATA] == "md5: 1"


def test_a_base_that_was_force_pushed_is_followed(story: Story, place: LocalPlace) -> None:
    start = place.forge.tip("main")
    place.commit("main", {"secret.txt": "x"})
    number = answered(story)
    place.force("main", start)
    assert answered(story) == number
    (commit,) = place.forge.commits(BRANCH, base="main")
    assert commit.parents == (start,)
    assert "secret.txt" not in place.files(BRANCH)


def test_a_branch_deleted_by_hand_is_pushed_again(story: Story, place: LocalPlace) -> None:
    number = answered(story)
    place.delete(BRANCH)
    assert answered(story) == number
    assert place.files(BRANCH)[DATA] == "md5: 1"


def test_a_foreign_commit_freezes_it_with_one_note(story: Story, place: LocalPlace) -> None:
    number = answered(story)
    theirs = place.commit(BRANCH, {"params.yaml": "C: 2\n"})
    more(story)
    made = story.made
    assert "somebody else has committed" in story.run().reason
    assert story.made == made, "nobody trains for nothing"
    nothing(story, place, "somebody else has committed")
    (note,) = place.forge.comments(number)
    assert theirs[:12] in note.body
    assert place.forge.tip(BRANCH) == theirs


def test_hold_stops_all_writes(story: Story, place: LocalPlace) -> None:
    number = answered(story)
    place.human.label(number, add=[HOLD])
    more(story)
    nothing(story, place, HOLD)
    story.states.append("fine")
    nothing(story, place, HOLD)


def test_closed_means_not_now(story: Story, place: LocalPlace) -> None:
    place.human.close(answered(story))
    more(story)
    nothing(story, place, "#1 was closed without a merge", days=13)
    nothing(story, place, "#1 was closed without a merge", days=-30)
    story.band = 2
    assert answered(story) == 2
    place.human.close(2)
    more(story)
    nothing(story, place, "#2 was closed without a merge")
    assert story.run(days=15).outputs["pr"] == "3"


def test_recovery_closes_it(story: Story, place: LocalPlace) -> None:
    number = answered(story)
    story.states.append("fine")
    assert "closed" in story.run().reason
    assert (place.forge.pull(number).state, place.forge.tip(BRANCH)) == (PullState.CLOSED, "")
    assert "no breach in w3" in place.forge.comments(number)[0].body
    nothing(story, place, "no breach")
    story.states += ["breach", "breach"]
    assert answered(story) == 2, "we closed it, so it is no 'not now'"


@pytest.mark.parametrize("what", ["comment", "commit", "approval"])
def test_recovery_leaves_what_somebody_touched(story: Story, place: LocalPlace, what: str) -> None:
    number = answered(story)
    touches: dict[str, Callable[[], object]] = {
        "comment": lambda: place.comment(number, "Wait."),
        "commit": lambda: place.commit(BRANCH, {"x.txt": "x"}),
        "approval": lambda: place.approve(number),
    }
    touches[what]()
    story.states.append("fine")
    assert "nothing is left to propose" in story.run().reason
    assert place.forge.pull(number).state is PullState.OPEN
    nothing(story, place, "nothing is left to propose")


def test_a_single_breach_again_neither_closes_nor_opens(story: Story, place: LocalPlace) -> None:
    answered(story)
    story.states = ["breach", "breach", "fine", "breach"]
    nothing(story, place, "1 of 2 windows")


def test_after_a_merge_comes_the_cooldown(story: Story, place: LocalPlace) -> None:
    number = answered(story)
    place.forge.merge(number, head=place.forge.tip(BRANCH))
    more(story)
    nothing(story, place, "#1 was merged not long ago", days=6)
    assert story.run(days=8).outputs["pr"] == "2"


def test_the_same_data_is_no_pull_request(story: Story, place: LocalPlace) -> None:
    place.commit("main", {DATA: "md5: 1\n"})
    before = written(place)
    result = story.run()
    assert (result.stage, result.status, result.reason) == ("retrain", Status.SKIPPED, "nothing to train on")
    assert written(place) == before


def test_data_that_another_models_pull_request_brought_is_not_proposed_again(story: Story, place: LocalPlace) -> None:
    """Two models are trained on one file; the other's was merged first."""
    number = answered(story)
    place.commit("main", {DATA: "md5: 1\n"})
    result = story.run()
    assert (result.status, result.outputs["pr"]) == (Status.PASSED, str(number))
    assert (place.forge.pull(number).state, place.forge.tip(BRANCH)) == (PullState.CLOSED, "")
    assert "main has this data already" in place.forge.comments(number)[0].body
    nothing(story, place, "nothing to train on", made=1)
    more(story)
    assert answered(story) == 2, "newer data is a new proposal"


def test_a_month_of_breaches_is_one_pull_request(story: Story, place: LocalPlace) -> None:
    """After the cooldown of the last merge, whose clock was ahead or was not."""
    number = answered(story)
    place.forge.merge(number, head=place.forge.tip(BRANCH))
    more(story)
    nothing(story, place, "#1 was merged not long ago", days=-40)
    story.states += ["breach"] * 30
    assert story.run(days=31).outputs["pr"] == "2"
    nothing(story, place, "it answers these windows already", days=31, status=Status.PASSED)


@pytest.mark.parametrize("how", ["worse", "red", "fresh"])
def test_a_challenger_that_is_worse_comes_as_a_draft_and_says_so(story: Story, place: LocalPlace, how: str) -> None:
    match how:
        case "worse":
            story.verdict, said = "worse", "worse than the champion on the holdout"
        case "red":
            story.red, said = True, "fails on the holdout: roc\\_auc"
        case _:
            story.fresh, said = "worse", "worse than the champion on the newest labelled rows"
    pull = place.forge.pull(answered(story))
    assert pull.draft
    assert said in pull.body
    story.verdict, story.red, story.fresh = "better", False, "better"
    more(story)
    answered(story)
    assert not place.forge.pull(pull.number).draft


def test_a_base_that_moves_meanwhile_is_the_one_that_counts(story: Story, place: LocalPlace) -> None:
    moves = iter(["1"])
    story.meanwhile = lambda: [place.commit("main", {CODE: text}) for text in moves]
    answered(story)
    assert story.made == 2
    (commit,) = place.forge.commits(BRANCH, base="main")
    assert commit.parents == (place.forge.tip("main"),)


def test_a_base_that_never_rests_is_left_to_the_next_run(story: Story, place: LocalPlace) -> None:
    story.meanwhile = lambda: place.commit("main", {"busy.txt": str(story.made)})
    assert "main moved 3 times" in story.run().reason
    assert place.forge.pulls() == ()


def test_a_person_who_closes_it_while_hours_are_spent_has_the_last_word(story: Story, place: LocalPlace) -> None:
    number = answered(story)
    more(story)
    story.meanwhile = lambda: place.human.close(number)
    assert "closed without a merge" in story.run().reason
    assert len(place.forge.pulls()) == 1


def test_a_failed_training_opens_nothing(story: Story, place: LocalPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    red = StageResult(stage="train", model="toy", status=Status.ERROR, reason="stage 'train' failed")
    monkeypatch.setattr(story, "make", lambda commit, question: red)
    result = story.run()
    assert (result.stage, result.exit_code, result.reason) == ("retrain", 3, "stage 'train' failed")
    assert place.forge.pulls() == ()


def test_two_runs_at_once_make_one(place: LocalPlace) -> None:
    def run(number: int) -> object:
        try:
            return Story(place=place).run()
        except ForgeConflict as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run, range(2)))
    assert any(isinstance(item, StageResult) for item in done)
    assert len(place.forge.pulls()) == 1
    assert len(place.forge.commits(BRANCH, base="main")) == 1
