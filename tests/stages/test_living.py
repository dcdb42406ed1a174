"""A pull request that is kept current, rule by rule, on the local forge with real git."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_ci.errors import BackendError, ForgeConflict, RepositoryError
from mlops_ci.records.forge import NewPull, PullState, Push
from mlops_ci.records.living import HOLD, Action, Outcome, Proposal
from mlops_ci.stages.living import keep, plan, withdraw
from mlops_ci.stages.living_body import BUDGET, human_text
from tests.backends.forge_contract import RELEASE
from tests.backends.forge_place import LocalPlace
from tests.stages.living import BRANCH, KEY, NOW, proposal, written


@pytest.fixture
def place(tmp_path: Path) -> LocalPlace:
    return LocalPlace.create(tmp_path / "r")


def kept(place: LocalPlace, what: Proposal | None = None, *, days: float = 0) -> Outcome:
    return keep(what or proposal(), forge=place.forge, now=NOW + timedelta(days=days))


def taken_back(place: LocalPlace) -> Outcome:
    return withdraw(KEY, "main", forge=place.forge, reason="It is blocked.")


def count(place: LocalPlace) -> int:
    """Commits on the branch that the base lacks."""
    return len(place.forge.commits(BRANCH, base="main"))


def nothing_written(place: LocalPlace, what: Proposal | None, action: Action, *, days: float = 0) -> Outcome:
    """Run twice: what the second run finds is `action`, and it writes nothing at all."""
    if what is None:
        taken_back(place)
    else:
        kept(place, what, days=days)
    before = written(place)
    outcome = taken_back(place) if what is None else kept(place, what, days=days)
    assert outcome.action is action, outcome
    assert not outcome.wrote
    assert written(place) == before
    return outcome


def test_it_is_opened_with_everything(place: LocalPlace) -> None:
    outcome = kept(place)
    pull = place.forge.pull(outcome.number)
    assert outcome.action is Action.OPENED
    assert (pull.title, pull.base, pull.branch, pull.draft) == ("Promote a 1", "main", BRANCH, False)
    assert (pull.labels, pull.reviewers) == (("mlops-ci",), ("ann",))
    assert pull.head == outcome.head == place.forge.tip(BRANCH)
    assert place.files(BRANCH)[RELEASE] == "version 1"
    assert pull.body.startswith("<!-- mlops-ci:begin fingerprint=00000031 severity=0 sequence=0 ")
    assert "### Roll back\n\ngit revert" in pull.body
    assert "mlops-ci:hold" in pull.body


def test_an_older_run_takes_nothing_back(place: LocalPlace) -> None:
    kept(place, proposal(sequence=5))
    before = written(place)
    late = withdraw(KEY, "main", forge=place.forge, reason="It is blocked.", sequence=4)
    assert (late.action, written(place)) == (Action.LATE, before)
    assert withdraw(KEY, "main", forge=place.forge, reason="It is.", sequence=5).action is Action.CLOSED


def test_the_same_again_writes_nothing(place: LocalPlace) -> None:
    nothing_written(place, proposal(), Action.UNCHANGED)


def test_a_text_that_says_more_is_written_without_a_commit_and_one_that_knows_less_is_not(place: LocalPlace) -> None:
    first = kept(place, proposal(text="", sections=("The metrics can't be had.",)))
    place.approve(first.number)
    told = kept(place, proposal(text="aa", sections=("roc auc 0.9",)))
    assert (told.action, told.head) == (Action.UPDATED, first.head), "approvals count on"
    assert "roc auc 0.9" in place.forge.pull(first.number).body
    nothing_written(place, proposal(text="aa", sections=("roc auc 0.9",)), Action.UNCHANGED)
    nothing_written(place, proposal(text="", sections=("The metrics can't be had.",)), Action.UNCHANGED)
    assert "roc auc 0.9" in place.forge.pull(first.number).body


def test_a_plan_writes_nothing_and_says_what_would_come(place: LocalPlace) -> None:
    before = place.repository.git("for-each-ref")
    assert plan(proposal(), forge=place.forge, now=NOW).action is Action.OPENED
    assert place.repository.git("for-each-ref") == before
    assert not place.forge.stored.folder.exists()
    kept(place)
    assert plan(proposal(), forge=place.forge, now=NOW).action is Action.UNCHANGED
    assert plan(proposal("2"), forge=place.forge, now=NOW).action is Action.UPDATED


def test_newer_content_is_one_commit_on_the_current_base(place: LocalPlace) -> None:
    first = kept(place)
    base = place.commit("main", {"other.txt": "x"})
    second = kept(place, proposal("2"))
    assert (second.action, second.number) == (Action.UPDATED, first.number)
    (commit,) = place.forge.commits(BRANCH, base="main")
    assert commit.parents == (base,)
    assert place.files(BRANCH)[RELEASE] == "version 2"
    pull = place.forge.pull(first.number)
    assert pull.title == "Promote a 2"
    assert "Version 2" in pull.body
    assert "Version 1" not in pull.body


def test_a_persons_text_is_kept(place: LocalPlace) -> None:
    number = kept(place).number
    body = place.forge.pull(number).body
    place.forge.update(number, body=f"Please wait for Bob.\r\n\r\n{body}\r\n\r\n- [ ] asked Bob")
    kept(place, proposal("2"))
    after = place.forge.pull(number).body
    assert after.startswith("Please wait for Bob.\r\n\r\n<!-- mlops-ci:begin")
    assert after.endswith("<!-- mlops-ci:end -->\r\n\r\n- [ ] asked Bob")
    assert "Version 2" in after


@pytest.mark.parametrize("left", ["All mine now.", "", "<!-- mlops-ci:begin broken -->\nAll mine now."])
def test_our_part_comes_to_the_end_where_somebody_took_it_out(place: LocalPlace, left: str) -> None:
    number = kept(place).number
    place.forge.update(number, body=left)
    assert kept(place).action is Action.UPDATED
    body = place.forge.pull(number).body
    assert human_text(body) == left
    assert body.count("### Roll back") == 1
    nothing_written(place, proposal(), Action.UNCHANGED)


def test_a_title_that_somebody_changed_is_kept(place: LocalPlace) -> None:
    number = kept(place).number
    place.forge.update(number, title="Promote with care")
    for content in ("2", "3"):
        kept(place, proposal(content))
        assert place.forge.pull(number).title == "Promote with care"
    assert "Version 3" in place.forge.pull(number).body


def test_a_draft_follows_us_until_somebody_decides(place: LocalPlace) -> None:
    number = kept(place, proposal("1", draft=True)).number
    assert place.forge.pull(number).draft
    place.forge.update(number, draft=False)
    kept(place, proposal("2", draft=True))
    assert not place.forge.pull(number).draft, "a person made it ready"
    kept(place, proposal("3", draft=False))
    kept(place, proposal("4", draft=True))
    assert place.forge.pull(number).draft, "we changed our mind"


def test_a_foreign_commit_freezes_it_with_one_note(place: LocalPlace) -> None:
    number = kept(place).number
    theirs = place.commit(BRANCH, {RELEASE: "by hand"})
    outcome = nothing_written(place, proposal("2"), Action.FROZEN)
    assert outcome.number == number
    assert place.forge.tip(BRANCH) == theirs
    (note,) = place.forge.comments(number)
    assert f"`{theirs[:12]}`" in note.body
    nothing_written(place, proposal("3"), Action.FROZEN)
    assert len(place.forge.comments(number)) == 1
    assert "Version 1" in place.forge.pull(number).body


@pytest.mark.parametrize("how", ["amend", "merge"])
def test_an_amended_or_merged_branch_is_foreign(place: LocalPlace, how: str) -> None:
    kept(place)
    place.commit("main", {"other.txt": "x"})
    place.repository.git("checkout", "-q", BRANCH)
    if how == "amend":
        place.repository.write(RELEASE, "amended\n")
        place.repository.git("commit", "-qa", "--amend", "--no-edit")
    else:
        place.repository.git("merge", "-q", "--no-edit", "main")
    place.repository.git("checkout", "-q", "desk")
    nothing_written(place, proposal("2"), Action.FROZEN)


def test_it_goes_on_once_the_foreign_commit_is_gone(place: LocalPlace) -> None:
    ours = kept(place).head
    place.commit(BRANCH, {"note.txt": "x"})
    assert kept(place, proposal("2")).action is Action.FROZEN
    place.force(BRANCH, ours)
    assert kept(place, proposal("2")).action is Action.UPDATED


def test_a_branch_that_somebody_made_before_us_is_theirs(place: LocalPlace) -> None:
    place.commit(BRANCH, {"note.txt": "x"})
    nothing_written(place, proposal(), Action.FROZEN)
    assert place.forge.pulls() == ()


def test_the_hold_label_stops_all_writes(place: LocalPlace) -> None:
    number = kept(place).number
    place.human.label(number, add=[HOLD])
    place.commit(BRANCH, {"note.txt": "x"})
    nothing_written(place, proposal("2"), Action.HELD)
    nothing_written(place, None, Action.HELD)
    place.human.close(number)
    nothing_written(place, proposal("2", severity=9), Action.HELD, days=999)
    assert place.forge.comments(number) == ()


def test_closed_means_not_now(place: LocalPlace) -> None:
    number = kept(place).number
    place.human.close(number)
    outcome = nothing_written(place, proposal("2"), Action.QUIET, days=13)
    assert f"#{number} was closed without a merge" in outcome.reason
    nothing_written(place, proposal("2"), Action.QUIET, days=-30)
    again = kept(place, proposal("2"), days=15)
    assert again.action is Action.OPENED
    assert again.number != number


def test_a_higher_severity_is_heard_at_once(place: LocalPlace) -> None:
    kept(place, proposal("1", severity=1))
    place.human.close(1)
    assert kept(place, proposal("2", severity=1)).action is Action.QUIET
    assert kept(place, proposal("3", severity=2)).action is Action.OPENED
    place.human.close(2)
    assert kept(place, proposal("4", severity=2)).action is Action.QUIET


def test_closed_with_our_marker_gone_only_time_helps(place: LocalPlace) -> None:
    kept(place)
    place.forge.update(1, body="no")
    place.human.close(1)
    assert kept(place, proposal("2", severity=9)).action is Action.QUIET
    assert kept(place, proposal("2"), days=15).action is Action.OPENED


def test_a_closed_branch_with_a_persons_commits_is_not_overwritten(place: LocalPlace) -> None:
    kept(place)
    theirs = place.commit(BRANCH, {"note.txt": "x"})
    place.human.close(1)
    nothing_written(place, proposal("2"), Action.FROZEN, days=15)
    assert place.forge.tip(BRANCH) == theirs
    place.delete(BRANCH)
    assert kept(place, proposal("2"), days=15).action is Action.OPENED


def test_merged_is_done_and_the_next_one_is_new(place: LocalPlace) -> None:
    first = kept(place)
    place.commit(BRANCH, {"note.txt": "by hand"})
    place.forge.merge(first.number, head=place.forge.tip(BRANCH))
    nothing_written(place, proposal(), Action.NOTHING)
    second = kept(place, proposal("2"))
    assert second.action is Action.OPENED
    assert second.number != first.number
    assert count(place) == 1


def test_what_the_base_has_got_otherwise_is_closed(place: LocalPlace) -> None:
    number = kept(place).number
    place.commit("main", {RELEASE: "version 2\n"})
    assert plan(proposal("2"), forge=place.forge, now=NOW).action is Action.CLOSED
    assert kept(place, proposal("2")).action is Action.CLOSED
    assert place.forge.pull(number).state is PullState.CLOSED
    nothing_written(place, proposal("2"), Action.NOTHING)


def test_nothing_left_closes_it_and_the_next_one_is_not_held_back(place: LocalPlace) -> None:
    number = kept(place).number
    assert taken_back(place).action is Action.CLOSED
    assert place.forge.pull(number).state is PullState.CLOSED
    assert place.forge.tip(BRANCH) == ""
    assert [comment.body.splitlines()[1] for comment in place.forge.comments(number)] == ["It is blocked."]
    nothing_written(place, None, Action.NOTHING)
    assert kept(place).action is Action.OPENED


@pytest.mark.parametrize("what", ["commit", "body", "title", "comment", "approval", "marker"])
def test_nothing_left_but_somebody_touched_it(place: LocalPlace, what: str) -> None:
    number = kept(place).number
    body = place.forge.pull(number).body
    match what:
        case "commit":
            place.commit(BRANCH, {"note.txt": "x"})
        case "body":
            place.human.update(number, body=f"Wait.\n\n{body}")
        case "title":
            place.human.update(number, title="Mine")
        case "comment":
            place.comment(number, "Wait.")
        case "approval":
            place.approve(number)
        case "marker":
            place.human.update(number, body="")
    nothing_written(place, None, Action.LEFT)
    assert place.forge.pull(number).state is PullState.OPEN
    notes = [comment.body for comment in place.forge.comments(number) if comment.own]
    assert len(notes) == 1
    assert "mlops-ci leaves it to you" in notes[0]


def test_reopened_by_a_person_it_lives_again(place: LocalPlace) -> None:
    number = kept(place).number
    taken_back(place)
    stored = place.forge.stored.read(number)
    place.forge.stored.write(replace(stored, state=PullState.OPEN, closed_at=""))
    assert kept(place).action is Action.UPDATED
    assert place.forge.tip(BRANCH)
    nothing_written(place, proposal(), Action.UNCHANGED)


def test_a_newer_request_supersedes_an_older_one(place: LocalPlace) -> None:
    old = kept(place, proposal("1", key="promote/a/old")).number
    touched = kept(place, proposal("1", key="promote/a/touched")).number
    place.comment(touched, "Keep this")
    new = kept(place, proposal("2", supersedes=("promote/a/old", "promote/a/touched", "promote/a/none")))
    assert place.forge.pull(old).state is PullState.CLOSED
    assert place.forge.pull(touched).state is PullState.OPEN
    assert f"Superseded by #{new.number}." in place.forge.comments(old)[0].body
    before = written(place)
    kept(place, proposal("2", supersedes=("promote/a/old", "promote/a/touched", "promote/a/none")))
    assert written(place) == before


def test_a_late_run_writes_nothing(place: LocalPlace) -> None:
    kept(place, proposal("2", sequence=2))
    nothing_written(place, proposal("1", sequence=1), Action.LATE)
    place.forge.merge(1, head=place.forge.tip(BRANCH))
    nothing_written(place, proposal("1", sequence=1), Action.LATE)
    assert kept(place, proposal("3", sequence=3)).action is Action.OPENED


def test_what_we_took_back_makes_no_run_late(place: LocalPlace) -> None:
    kept(place, proposal("2", sequence=2))
    taken_back(place)
    assert kept(place, proposal("1", sequence=1)).action is Action.OPENED


def test_an_opening_that_broke_off_is_completed(place: LocalPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forge that opens in several writes may lose its connection after the first."""
    real = type(place.forge).open

    def broken(forge: object, new: NewPull) -> None:
        real(place.forge, replace(new, labels=(), reviewers=()))
        raise BackendError("connection lost")

    with monkeypatch.context() as patch:
        patch.setattr(type(place.forge), "open", broken)
        with pytest.raises(BackendError, match="connection lost"):
            kept(place)
    assert kept(place).number == 1
    pull = place.forge.pull(1)
    assert (pull.labels, pull.reviewers) == (("mlops-ci",), ("ann",))
    place.human.label(1, remove=["mlops-ci"])
    kept(place, proposal("2"))
    assert place.forge.pull(1).labels == (), "once it is whole, labels are a person's"


def test_a_branch_deleted_by_hand_is_pushed_again(place: LocalPlace) -> None:
    number = kept(place).number
    place.delete(BRANCH)
    outcome = kept(place)
    assert (outcome.action, outcome.number) == (Action.UPDATED, number)
    assert place.files(BRANCH)[RELEASE] == "version 1"
    assert len(place.forge.pulls()) == 1


def test_a_base_that_moved_on_elsewhere_costs_nothing(place: LocalPlace) -> None:
    kept(place)
    place.commit("main", {"other.txt": "x"})
    nothing_written(place, proposal(), Action.UNCHANGED)


def test_a_base_that_was_force_pushed_is_followed(place: LocalPlace) -> None:
    start = place.forge.tip("main")
    place.commit("main", {"secret.txt": "x"})
    kept(place)
    place.force("main", start)
    assert kept(place).action is Action.UPDATED
    (commit,) = place.forge.commits(BRANCH, base="main")
    assert commit.parents == (start,)
    assert "secret.txt" not in place.files(BRANCH)


def test_a_conflict_with_the_base_is_resolved_by_proposing_anew(place: LocalPlace) -> None:
    number = kept(place).number
    place.commit("main", {RELEASE: "theirs\n"})
    assert kept(place).action is Action.UPDATED
    pull = place.forge.pull(number)
    assert place.forge.merge(number, head=pull.head).state is PullState.MERGED
    assert place.files("main")[RELEASE] == "version 1"


def test_another_base_is_a_persons_word(place: LocalPlace) -> None:
    number = kept(place).number
    place.commit("release", {"x.txt": "x"})
    place.forge.stored.write(replace(place.forge.stored.read(number), base="release"))
    nothing_written(place, proposal("2"), Action.FROZEN)
    nothing_written(place, None, Action.LEFT)
    assert len(place.forge.pulls()) == 1


def test_merged_with_plain_git_it_is_done(place: LocalPlace) -> None:
    kept(place)
    place.force("main", place.forge.tip(BRANCH))
    nothing_written(place, proposal(), Action.NOTHING)
    assert kept(place, proposal("2")).action is Action.OPENED


def test_no_base(place: LocalPlace) -> None:
    with pytest.raises(RepositoryError, match="there is no branch nowhere to propose to"):
        kept(place, proposal(base="nowhere"))


@pytest.mark.parametrize("same", [True, False])
def test_runs_at_once_make_one_request(place: LocalPlace, same: bool) -> None:
    def run(number: int) -> object:
        try:
            return kept(place, proposal("1" if same else str(number)))
        except ForgeConflict as error:
            return error

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(run, range(4)))
    assert any(isinstance(item, Outcome) for item in done)
    assert len(place.forge.pulls()) == 1
    assert count(place) == 1
    last = kept(place, proposal("9"))
    assert last.number == 1
    nothing_written(place, proposal("9"), Action.UNCHANGED)


def test_who_loses_a_race_looks_again(place: LocalPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run pushes between our look and our push; then a third one does."""
    push = type(place.forge).push
    rivals = ["8", "9"]

    def overtaken(forge: object, what: Push) -> str:
        if rivals:
            monkeypatch.setattr(type(place.forge), "push", push)
            kept(place, proposal(rivals.pop()))
            monkeypatch.setattr(type(place.forge), "push", overtaken)
        return push(place.forge, what)

    monkeypatch.setattr(type(place.forge), "push", overtaken)
    assert kept(place, proposal("1")).number == 1
    assert place.files(BRANCH)[RELEASE] == "version 1"
    assert "Version 1" in place.forge.pull(1).body
    assert len(place.forge.pulls()) == 1


HOSTILE = (
    "<!-- mlops-ci:end -->\n<!-- mlops-ci:begin fingerprint=00 severity=9 sequence=9 title=x draft=true state=kept -->"
)


def test_content_cannot_play_the_marker(place: LocalPlace) -> None:
    what = proposal("1", sections=(HOSTILE, "<!-- never closed"), title="A title\n<!-- mlops-ci:end -->\u202e\x07")
    kept(place, what)
    body = place.forge.pull(1).body
    assert body.count("<!--") == 2
    assert human_text(body) == ""
    assert place.forge.pull(1).title == "A title <!-- mlops-ci:end -->"
    nothing_written(place, what, Action.UNCHANGED)
    assert taken_back(place).action is Action.CLOSED


def test_a_long_text_is_cut_between_sections(place: LocalPlace) -> None:
    sections = tuple(f"### Section {number}\n\n" + "é" * 5_000 for number in range(10))
    kept(place, proposal("1", sections=sections))
    body = place.forge.pull(1).body
    assert BUDGET - 12_000 < len(body.encode()) <= BUDGET
    assert "_5 more sections did not fit; the full report has everything._" in body
    place.forge.update(1, body="x" * 50_000 + body)
    kept(place, proposal("2", sections=sections))
    assert len(place.forge.pull(1).body.encode()) <= BUDGET
    assert "_10 more sections did not fit" in place.forge.pull(1).body
