"""What every forge keeps, whatever is behind it. An adapter's test inherits this and gives the fixture `place`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mlops_ci.errors import BackendError, ForgeConflict, MergeConflict, UsageError
from mlops_ci.ports.forge import Forge
from mlops_ci.records.forge import NewPull, PullRequest, PullState, Push, stamp
from tests.backends.forge_place import ForgePlace

BRANCH = "mlops-ci/promote/a"
RELEASE = "releases/a.yaml"


def a_push(forge: Forge, **changed: object) -> Push:
    push = Push(
        branch=BRANCH,
        onto=forge.tip("main"),
        files={RELEASE: b"new\n"},
        message="Promote a",
        fingerprint="ab" * 8,
    )
    return replace(push, **changed)  # type: ignore[arg-type]


def opened(forge: Forge, **changed: object) -> PullRequest:
    if not forge.tip(BRANCH):
        forge.push(a_push(forge))
    new = NewPull(branch=BRANCH, base="main", title="Promote a", body="Text", labels=("mlops-ci",), reviewers=("ann",))
    return forge.open(replace(new, **changed))  # type: ignore[arg-type]


class ForgeContract:
    """The tests. Each starts with no pull request and no branch but `main` (and what the place needs itself)."""

    @pytest.fixture
    def place(self) -> ForgePlace:
        raise NotImplementedError

    @pytest.fixture
    def forge(self, place: ForgePlace) -> Forge:
        return place.forge

    # branches

    def test_a_push_is_one_commit_with_these_files(self, place: ForgePlace, forge: Forge) -> None:
        commit = forge.push(a_push(forge, files={RELEASE: b"new\n", "releases/b/c.yaml": b"c\n", "kept.txt": None}))
        assert forge.tip(BRANCH) == commit
        assert place.files(BRANCH) == {RELEASE: "new", "releases/b/c.yaml": "c"}
        (found,) = forge.commits(BRANCH, base="main")
        assert (found.sha, found.parents, found.fingerprint) == (commit, (forge.tip("main"),), "ab" * 8)
        assert found.subject == "Promote a"

    def test_the_bytes_are_kept(self, forge: Forge) -> None:
        content = bytes(range(256)) + b"\r\n\xff"
        forge.push(a_push(forge, files={"odd name é.bin": content}))
        assert forge.read("odd name é.bin", at=forge.tip(BRANCH)) == content

    def test_a_push_that_has_happened_is_not_repeated(self, forge: Forge) -> None:
        first = forge.push(a_push(forge))
        assert forge.push(a_push(forge)) == first
        assert len(forge.commits(BRANCH, base="main")) == 1

    def test_a_push_replaces_the_branch_as_a_whole(self, place: ForgePlace, forge: Forge) -> None:
        first = forge.push(a_push(forge))
        base = place.commit("main", {"other.txt": "other"})
        second = forge.push(a_push(forge, files={RELEASE: b"newer\n"}, fingerprint="cd" * 8, expected=first))
        (found,) = forge.commits(BRANCH, base="main")
        assert (found.sha, found.parents) == (second, (base,))
        assert place.files(BRANCH)["other.txt"] == "other"

    @pytest.mark.parametrize("expected", ["", "main"])
    def test_a_push_moves_from_what_was_seen_or_not_at_all(
        self, place: ForgePlace, forge: Forge, expected: str
    ) -> None:
        theirs = place.commit(BRANCH, {RELEASE: "theirs"})
        with pytest.raises(ForgeConflict, match="moved by somebody else"):
            forge.push(a_push(forge, expected=forge.tip("main") if expected else ""))
        assert forge.tip(BRANCH) == theirs

    def test_pushes_at_once_leave_one(self, forge: Forge) -> None:
        def push(number: int) -> str:
            return forge.push(a_push(forge, files={RELEASE: f"{number}\n".encode()}, fingerprint=f"{number:08x}"))

        done = at_once(push)
        assert sum(isinstance(item, ForgeConflict) for item in done) == len(done) - 1
        assert forge.tip(BRANCH) in done

    @pytest.mark.parametrize("path", ["../up.txt", "/etc/x", ".git/config", "a/../../b", "a//b", ""])
    def test_no_path_leads_out(self, forge: Forge, path: str) -> None:
        with pytest.raises(BackendError):
            forge.push(a_push(forge, files={path: b"x"}))
        assert forge.tip(BRANCH) == ""

    def test_whose_commits_they_are(self, place: ForgePlace, forge: Forge) -> None:
        ours = forge.push(a_push(forge))
        theirs = place.commit(BRANCH, {"note.txt": "x"}, "Look at this")
        assert [(item.sha, bool(item.fingerprint)) for item in forge.commits(BRANCH, base="main")] == [
            (theirs, False),
            (ours, True),
        ]
        assert forge.commits(BRANCH, base="main")[0].author

    def test_a_message_copied_onto_other_files_is_not_ours(self, place: ForgePlace, forge: Forge) -> None:
        message = place.message(forge.push(a_push(forge)))
        place.commit("theirs", {RELEASE: "theirs"}, message)
        assert [item.fingerprint for item in forge.commits("theirs", base="main")] == [""]

    def test_a_message_copied_onto_another_parent_is_not_ours(self, place: ForgePlace, forge: Forge) -> None:
        message = place.message(forge.push(a_push(forge)))
        place.commit("theirs", {}, "Nothing")
        place.commit("theirs", {RELEASE: "new\n"}, message)
        assert [item.fingerprint for item in forge.commits("theirs", base="main")] == ["", ""]

    def test_reading_and_history(self, place: ForgePlace, forge: Forge) -> None:
        start = forge.tip("main")
        later = place.commit("main", {RELEASE: "later"})
        assert forge.read(RELEASE, at=start) == b"old\n"
        assert forge.read(RELEASE, at=later) == b"later"
        assert forge.read("nothing", at=later) is None
        assert forge.read("releases", at=later) is None
        assert forge.read(RELEASE, at="0" * 40) is None
        assert forge.contains("main", start)
        assert not forge.contains("main", "0" * 40)
        assert not forge.contains("nowhere", start)
        assert forge.tip("nowhere") == ""

    def test_a_branch_is_deleted_as_it_was_seen(self, place: ForgePlace, forge: Forge) -> None:
        seen = forge.push(a_push(forge))
        theirs = place.commit(BRANCH, {"note.txt": "x"})
        with pytest.raises(ForgeConflict):
            forge.delete_branch(BRANCH, expected=seen)
        forge.delete_branch(BRANCH, expected=theirs)
        forge.delete_branch(BRANCH, expected=theirs)
        assert forge.tip(BRANCH) == ""

    # pull requests

    def test_opening_and_finding(self, forge: Forge) -> None:
        pull = opened(forge)
        assert (pull.state, pull.title, pull.body, pull.draft) == (PullState.OPEN, "Promote a", "Text", False)
        assert (pull.labels, pull.reviewers) == (("mlops-ci",), ("ann",))
        assert pull.head == forge.tip(BRANCH)
        assert pull.opened_at.endswith("Z")
        assert forge.pull(pull.number) == pull
        assert forge.pulls(branch=BRANCH) == forge.pulls(base="main", state=PullState.OPEN) == (pull,)
        assert forge.pulls(branch="other") == forge.pulls(state=PullState.CLOSED) == ()

    def test_opening_twice_is_once_and_completes_it(self, forge: Forge) -> None:
        first = opened(forge, labels=(), reviewers=())
        second = opened(forge, title="Another", body="Another")
        assert second.number == first.number
        assert (second.title, second.body) == ("Promote a", "Text"), "what stands there is somebody's text"
        assert (second.labels, second.reviewers) == (("mlops-ci",), ("ann",))

    def test_openings_at_once_make_one(self, forge: Forge) -> None:
        forge.push(a_push(forge))
        assert {opened(forge).number for _ in range(2)} == {opened(forge).number}
        assert len({pull.number for pull in at_once(lambda _: opened(forge)) if isinstance(pull, PullRequest)}) == 1
        assert len(forge.pulls()) == 1

    def test_numbers_are_unique(self, place: ForgePlace, forge: Forge) -> None:
        for number in range(6):
            place.commit(f"b{number}", {"x.txt": str(number)})
        done = at_once(lambda number: opened(forge, branch=f"b{number}").number)
        assert len(set(done)) == len(done) == len(forge.pulls())
        assert [pull.number for pull in forge.pulls()] == sorted((pull.number for pull in forge.pulls()), reverse=True)

    def test_nothing_to_open(self, place: ForgePlace, forge: Forge) -> None:
        with pytest.raises(BackendError, match="no branch nowhere"):
            forge.open(NewPull(branch="nowhere", base="main", title="x", body=""))
        forge.push(a_push(forge))
        place.force(BRANCH, forge.tip("main"))
        with pytest.raises(UsageError, match="has all of"):
            opened(forge)

    def test_updating(self, forge: Forge) -> None:
        pull = opened(forge)
        assert forge.update(pull.number, body="Newer").title == "Promote a"
        changed = forge.update(pull.number, title="Promote b", draft=True)
        assert (changed.title, changed.body, changed.draft) == ("Promote b", "Newer", True)
        assert forge.pull(pull.number) == changed

    def test_labels_and_reviewers(self, forge: Forge) -> None:
        number = opened(forge).number
        forge.label(number, add=["b", "a", "b"], remove=["mlops-ci", "nothing"])
        forge.request_review(number, ["bob", "ann"])
        assert set(forge.pull(number).labels) == {"a", "b"}
        assert set(forge.pull(number).reviewers) == {"ann", "bob"}

    def test_one_comment_a_marker(self, place: ForgePlace, forge: Forge) -> None:
        number = opened(forge).number
        place.comment(number, f"{stamp('one')} a person's, with our marker in it")
        for text in ("first", "second", "second"):
            forge.comment(number, text, marker="one")
        forge.comment(number, "other", marker="two")
        theirs, one, two = forge.comments(number)
        assert not theirs.own
        assert "a person's" in theirs.body
        assert one.own
        assert one.body == f"{stamp('one')}\nsecond"
        assert two.body.endswith("other")

    def test_an_approval_names_its_commit(self, place: ForgePlace, forge: Forge) -> None:
        number = opened(forge).number
        assert forge.approvals(number) == ()
        place.approve(number)
        (first,) = forge.approvals(number)
        assert first.commit == forge.tip(BRANCH)
        newer = place.commit(BRANCH, {"note.txt": "x"})
        assert [item.commit for item in forge.approvals(number)] == [first.commit], "the newer commit is not approved"
        place.approve(number)
        assert [item.commit for item in forge.approvals(number)] == [newer]

    def test_closing(self, forge: Forge) -> None:
        pull = opened(forge)
        closed = forge.close(pull.number)
        assert forge.close(pull.number) == closed == forge.pull(pull.number)
        assert (closed.state, closed.head) == (PullState.CLOSED, pull.head)
        assert closed.closed_at.endswith("Z")
        with pytest.raises(UsageError, match="is closed, so it can't be merged"):
            forge.merge(pull.number, head=pull.head)
        assert opened(forge).number != pull.number

    def test_a_number_that_no_request_has(self, forge: Forge) -> None:
        calls: tuple[Callable[[], object], ...] = (
            lambda: forge.pull(7),
            lambda: forge.comments(7),
            lambda: forge.close(7),
            lambda: forge.merge(7, head="0" * 40),
        )
        for call in calls:
            with pytest.raises(UsageError, match="no pull request 7"):
                call()

    # merging

    def test_merging_is_one_commit_on_the_base(self, place: ForgePlace, forge: Forge) -> None:
        pull = opened(forge)
        place.commit(BRANCH, {"note.txt": "x"})
        base = place.commit("main", {"other.txt": "other"})
        head = forge.tip(BRANCH)
        merged = forge.merge(pull.number, head=head)
        assert (merged.state, merged.head, merged.merge_commit) == (PullState.MERGED, head, forge.tip("main"))
        assert place.files("main") == {RELEASE: "new", "kept.txt": "kept", "note.txt": "x", "other.txt": "other"}
        assert place.message(merged.merge_commit).startswith(f"Promote a (#{pull.number})")
        assert forge.contains("main", base)
        assert forge.merge(pull.number, head=head) == merged
        assert forge.pull(pull.number) == merged
        brought = forge.brought(merged.merge_commit)
        assert brought is not None and (brought.number, brought.head) == (pull.number, head)
        assert (forge.brought(base), forge.brought("0" * 40)) == (None, None)
        with pytest.raises(UsageError, match="is merged, so it can't be closed"):
            forge.close(pull.number)

    def test_what_was_not_looked_at_is_not_merged(self, place: ForgePlace, forge: Forge) -> None:
        pull = opened(forge)
        place.commit(BRANCH, {"note.txt": "x"})
        with pytest.raises(ForgeConflict, match="is no longer at"):
            forge.merge(pull.number, head=pull.head)
        assert forge.pull(pull.number).state is PullState.OPEN
        assert place.files("main")[RELEASE] == "old"

    def test_conflicts_are_told_by_file(self, place: ForgePlace, forge: Forge) -> None:
        pull = opened(forge)
        before = place.commit("main", {RELEASE: "theirs\n", "kept.txt": "changed\n"})
        with pytest.raises(MergeConflict, match=RELEASE) as caught:
            forge.merge(pull.number, head=pull.head)
        assert caught.value.files == (RELEASE,)
        assert forge.tip("main") == before
        assert forge.pull(pull.number).state is PullState.OPEN

    def test_a_draft_is_not_merged(self, forge: Forge) -> None:
        pull = opened(forge, draft=True)
        with pytest.raises(UsageError, match="is a draft"):
            forge.merge(pull.number, head=pull.head)
        forge.update(pull.number, draft=False)
        assert forge.merge(pull.number, head=pull.head).state is PullState.MERGED

    def test_what_the_base_has_already_is_not_merged(self, place: ForgePlace, forge: Forge) -> None:
        pull = opened(forge)
        place.commit("main", {RELEASE: "new\n"})
        with pytest.raises(UsageError, match="changes nothing"):
            forge.merge(pull.number, head=pull.head)

    def test_a_merge_by_hand_is_a_merge(self, place: ForgePlace, forge: Forge) -> None:
        pull = opened(forge)
        place.force("main", pull.head)
        assert forge.pull(pull.number).state is PullState.MERGED
        forge.push(a_push(forge, files={RELEASE: b"next\n"}, fingerprint="cd" * 8, expected=pull.head))
        assert forge.pull(pull.number).state is PullState.MERGED
        assert opened(forge).number != pull.number


def at_once(call: Callable[[int], object], times: int = 6) -> list[object]:
    """What each of several calls at the same time gave, or the ForgeConflict it raised."""

    def attempt(number: int) -> object:
        try:
            return call(number)
        except ForgeConflict as error:
            return error

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(attempt, range(times)))
