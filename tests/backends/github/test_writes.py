"""A write whose answer was lost is looked up before it is repeated: nothing is there twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlops_ci.backends.github.forge import GitHubForge
from mlops_ci.errors import BackendError, ForgeConflict
from mlops_ci.records.forge import PullState, stamp
from tests.backends.forge_contract import BRANCH, RELEASE, a_push, opened
from tests.backends.github_place import GitHubPlace, StillClock, place, still
from tests.github.hub import Comment

__all__ = ["place", "still"]
pytestmark = pytest.mark.slow
LOST: tuple[dict[str, object], ...] = (
    {"drop": True, "after": True},
    {"drop": True},
    {"status": 502, "after": True},
    {"status": 502},
    {"status": 504, "after": True},
)
each_loss = pytest.mark.parametrize("lost", LOST, ids=["answer", "request", "502 after", "502 before", "504 after"])


@each_loss
def test_one_pull_request(place: GitHubPlace, lost: dict[str, object]) -> None:
    place.hub.faults.add(method="POST", path="/pulls", **lost)
    assert opened(place.forge).number == 1
    assert len(place.repo.pulls) == 1


@each_loss
def test_one_comment(place: GitHubPlace, lost: dict[str, object]) -> None:
    number = opened(place.forge).number
    place.hub.faults.add(method="POST", path="/comments", **lost)
    place.forge.comment(number, "text", marker="one")
    assert [item.body for item in place.repo.pulls[number].comments] == [f"{stamp('one')}\ntext"]


@each_loss
def test_one_commit_on_a_new_branch_and_on_a_moved_one(place: GitHubPlace, lost: dict[str, object]) -> None:
    assert place.forge.api.login == "github-actions[bot]"
    place.hub.faults.add(method="POST", path="/graphql", **lost)
    first = place.forge.push(a_push(place.forge))
    assert (first, len(place.forge.commits(BRANCH, base="main"))) == (place.forge.tip(BRANCH), 1)
    place.hub.faults.add(method="POST", path="/graphql", **lost)
    newer = a_push(place.forge, files={RELEASE: b"newer\n"}, fingerprint="cd" * 8, expected=first)
    second = place.forge.push(newer)
    assert second == place.forge.tip(BRANCH) != first
    place.hub.faults.add(method="POST", path="/graphql", **lost)
    place.forge.delete_branch(BRANCH, expected=second)
    assert place.forge.tip(BRANCH) == ""


@each_loss
def test_one_merge(place: GitHubPlace, lost: dict[str, object]) -> None:
    pull = opened(place.forge)
    place.hub.faults.add(method="PUT", path="/merge", **lost)
    assert place.forge.merge(pull.number, head=pull.head).state is PullState.MERGED
    assert place.repo.bare.git("rev-list", "--count", "main") == "2"


@each_loss
def test_labels_reviewers_and_drafts(place: GitHubPlace, lost: dict[str, object]) -> None:
    number = opened(place.forge, labels=(), reviewers=()).number
    for path, call in (
        ("/labels", lambda: place.forge.label(number, add=["a"])),
        ("/requested_reviewers", lambda: place.forge.request_review(number, ["ann"])),
        ("/graphql", lambda: place.forge.update(number, draft=True)),
        ("/labels", lambda: place.forge.label(number, remove=["a"])),
    ):
        place.hub.faults.add(path=path, **lost)
        call()
    pull = place.forge.pull(number)
    assert (pull.labels, pull.reviewers, pull.draft) == ((), ("ann",), True)


def test_what_github_will_not_open_is_told_at_once(place: GitHubPlace, still: StillClock) -> None:
    place.hub.faults.add(method="POST", path="/pulls", status=422, message="Draft pull requests are not supported")
    with pytest.raises(BackendError, match="Draft pull requests are not supported"):
        opened(place.forge, draft=True)
    assert still.waits == []


def test_a_slow_answer_is_a_lost_one(place: GitHubPlace, still: StillClock) -> None:
    number = opened(place.forge).number
    place.forge.api.session.default_read_timeout = 0.5
    place.hub.faults.add(method="POST", path="/comments", slow=1.0, after=True)
    place.hub.faults.add(method="GET", path="/git/ref/", slow=1.0)
    place.forge.comment(number, "text", marker="one")
    assert place.forge.tip("main")
    assert len(place.repo.pulls[number].comments) == 1
    assert still.waits[-1] == 1.0


def test_a_pull_request_that_appears_late(place: GitHubPlace, still: StillClock) -> None:
    first = opened(place.forge)
    place.hub.faults.add(method="GET", path="/pulls", hide=True, times=3)
    assert opened(place.forge).number == first.number
    assert len(place.repo.pulls) == 1
    assert still.waits == [1.0, 2.0]


def test_a_lost_answer_and_a_late_list(place: GitHubPlace) -> None:
    place.forge.push(a_push(place.forge))
    place.hub.faults.add(method="POST", path="/pulls", drop=True, after=True)
    place.hub.faults.add(method="GET", path="/pulls", hide=True, times=5)
    assert opened(place.forge).number == 1
    assert len(place.repo.pulls) == 1


def test_a_server_error_is_no_reason_to_write_again(place: GitHubPlace, still: StillClock) -> None:
    number = opened(place.forge).number
    place.hub.faults.add(method="POST", path="/comments", status=500, after=True)
    with pytest.raises(BackendError, match="GitHub answered 500"):
        place.forge.comment(number, "text", marker="one")
    place.forge.comment(number, "text", marker="one")
    assert len(place.repo.pulls[number].comments) == 1


def test_two_comments_of_ours_become_one(place: GitHubPlace) -> None:
    number = opened(place.forge).number
    for text in ("old", "double"):
        body = f"{stamp('one')}\n{text}"
        made = Comment(id=place.hub.fresh(), login="github-actions[bot]", body=body, at=place.hub.now())
        place.repo.pulls[number].comments.append(made)
    place.forge.comment(number, "new", marker="one")
    assert [item.body for item in place.forge.comments(number)] == [f"{stamp('one')}\nnew"]


def test_two_runs_at_once_leave_one_comment(place: GitHubPlace) -> None:
    number = opened(place.forge).number
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: GitHubForge(place.access).comment(number, f"{n}", marker="one"), range(4)))
    place.forge.comment(number, "last", marker="one")
    assert [item.body for item in place.forge.comments(number)] == [f"{stamp('one')}\nlast"]


def test_a_comment_of_a_deleted_account(place: GitHubPlace) -> None:
    number = opened(place.forge).number
    made = Comment(id=place.hub.fresh(), login=None, body=f"{stamp('one')} hello", at=place.hub.now())
    place.repo.pulls[number].comments.append(made)
    place.forge.comment(number, "ours", marker="one")
    ghost, ours = place.forge.comments(number)
    assert (ghost.author, ghost.own, ghost.bot, ours.own) == ("ghost", False, False, True)


def test_nothing_is_written_where_it_is_so_already(place: GitHubPlace) -> None:
    pull = opened(place.forge)
    place.forge.comment(pull.number, "text", marker="one")
    before = place.hub.faults.writes()
    calls: tuple[Callable[[], object], ...] = (
        lambda: place.forge.update(pull.number, title=pull.title, body=pull.body, draft=False),
        lambda: place.forge.label(pull.number, add=["mlops-ci"], remove=["nothing"]),
        lambda: place.forge.request_review(pull.number, ["ann", "github-actions[bot]"]),
        lambda: place.forge.comment(pull.number, "text", marker="one"),
        lambda: opened(place.forge),
        lambda: place.forge.delete_branch("nowhere", expected=pull.head),
    )
    for call in calls:
        call()
    assert place.hub.faults.writes() == before


def test_who_has_reviewed_is_not_asked_again(place: GitHubPlace) -> None:
    number = opened(place.forge).number
    place.approve(number, "ann")
    place.repo.pulls[number].reviewers.remove("ann")
    place.forge.request_review(number, ["ann"])
    assert place.forge.pull(number).reviewers == ()


def test_teams_are_asked_by_their_name_with_a_slash(place: GitHubPlace) -> None:
    place.repo.teams.add("ml-team")
    number = opened(place.forge, reviewers=("acme/ml-team",)).number
    assert place.forge.pull(number).reviewers == ("acme/ml-team",)
    with pytest.raises(BackendError, match="may only be requested from collaborators"):
        place.forge.request_review(number, ["stranger"])


def test_only_people_who_may_write_approve(place: GitHubPlace) -> None:
    number = opened(place.forge).number
    for login, state in (("stranger", "APPROVED"), ("ann", "APPROVED"), ("bob", "APPROVED"), ("ann", "COMMENTED")):
        place.approve(number, login, state)
    assert [item.author for item in place.forge.approvals(number)] == ["ann", "bob"]
    place.approve(number, "ann", "CHANGES_REQUESTED")
    assert [item.author for item in place.forge.approvals(number)] == ["bob"]


def test_a_commit_of_somebody_else_is_never_overwritten(place: GitHubPlace) -> None:
    """The look said one thing, and by the time of the move it is another."""
    first = place.forge.push(a_push(place.forge))
    forge = place.forge
    theirs: list[str] = []
    place.hub.faults.add(
        method="POST", path="/git/commits", first=lambda: theirs.append(place.commit(BRANCH, {"note.txt": "x"}))
    )
    with pytest.raises(ForgeConflict, match="moved by somebody else"):
        forge.push(a_push(forge, files={RELEASE: b"newer\n"}, fingerprint="cd" * 8, expected=first))
    assert forge.tip(BRANCH) == theirs[-1]


def test_squashing_that_is_not_allowed_is_told(place: GitHubPlace) -> None:
    place.repo.methods = ("merge",)
    pull = opened(place.forge)
    with pytest.raises(BackendError, match="Squash merges are not allowed"):
        place.forge.merge(pull.number, head=pull.head)


def test_a_merge_names_who_approved_it(place: GitHubPlace) -> None:
    pull = opened(place.forge)
    place.approve(pull.number, "bob")
    merged = place.forge.merge(pull.number, head=pull.head)
    assert place.message(merged.merge_commit).splitlines()[2:] == [
        "Pull-Request: 1",
        f"Pull-Request-Head: {pull.head}",
        "Approved-by: bob",
    ]


def test_a_fork_s_branch_is_never_taken_for_ours(place: GitHubPlace) -> None:
    pull = opened(place.forge)
    place.repo.pulls[pull.number].owner = "stranger"
    assert place.forge.pull(pull.number).branch == f"stranger:{BRANCH}"
    assert place.forge.pulls(branch=BRANCH) == ()
