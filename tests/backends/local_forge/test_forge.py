"""The local forge keeps the contract, keeps its hands off the work tree, and survives being killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.backends.local_forge.forge import LocalForge
from mlops_ci.errors import BackendError, UsageError
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.forge import PullState
from tests.backends.forge_contract import BRANCH, RELEASE, ForgeContract, a_push, opened
from tests.backends.forge_place import ForgePlace, LocalPlace
from tests.digests.repository import Repository

KILLED = """\
import os, signal, sys
from pathlib import Path
from mlops_ci.backends.local_forge.forge import LocalForge
from mlops_ci.io import files, git_branches, git_write
from mlops_ci.io.workspace import Workspace

root, action, stop = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
steps = 0

def guarded(door, name):
    real = getattr(door, name)
    def step(*words, **named):
        global steps
        steps += 1
        if steps == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words, **named)
    setattr(door, name, step)

for name in ("commit", "move", "fast_forward"):
    guarded(git_write, name)
for name in ("replace", "unlink"):
    guarded(os, name)
forge = LocalForge(root, Workspace(root))
if action == "merge":
    forge.merge(1, head=forge.tip("mlops-ci/promote/a"))
elif action == "open":
    sys.path.insert(0, sys.argv[4])
    from tests.backends.forge_contract import opened
    opened(forge)
print("done", steps)
"""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def place(tmp_path: Path) -> LocalPlace:
    return LocalPlace.create(tmp_path / "r")


class TestLocalForge(ForgeContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> ForgePlace:
        return LocalPlace.create(tmp_path / "r")


def state(place: LocalPlace) -> tuple[str, str, str, bytes]:
    """All that a person sees of their work tree, the index's own bytes among it."""
    git = place.repository.git
    index = (place.repository.root / ".git/index").read_bytes()
    return git("status", "--porcelain"), git("rev-parse", "HEAD"), git("symbolic-ref", "HEAD"), index


def test_the_work_tree_is_never_touched(place: LocalPlace) -> None:
    place.repository.write("kept.txt", "edited")
    place.repository.write("new.txt", "staged")
    place.repository.git("add", "new.txt")
    before = state(place)
    pull = opened(place.forge)
    place.human.approve(pull.number)
    place.forge.merge(pull.number, head=pull.head)
    place.forge.delete_branch(BRANCH, expected=pull.head)
    assert state(place) == before
    assert (place.repository.root / RELEASE).read_text() == "old\n"


def test_a_base_that_is_checked_out_is_brought_along(place: LocalPlace) -> None:
    place.repository.git("checkout", "-q", "main")
    place.repository.write("kept.txt", "edited")
    pull = opened(place.forge)
    place.forge.merge(pull.number, head=pull.head)
    assert (place.repository.root / RELEASE).read_text() == "new\n"
    assert place.repository.git("status", "--porcelain") == "M kept.txt"
    assert place.repository.git("symbolic-ref", "--short", "HEAD") == "main"


def test_edited_files_stop_the_merge_and_stay(place: LocalPlace) -> None:
    place.repository.git("checkout", "-q", "main")
    pull = opened(place.forge)
    before = place.forge.tip("main")
    place.repository.write(RELEASE, "mine\n")
    with pytest.raises(BackendError, match=r"local changes .* overwritten by merge: releases/a\.yaml") as caught:
        place.forge.merge(pull.number, head=pull.head)
    assert "commit or stash" in caught.value.hint
    assert (place.repository.root / RELEASE).read_text() == "mine\n"
    assert place.forge.tip("main") == before
    assert place.forge.pull(pull.number).state is PullState.OPEN
    place.repository.git("checkout", "-q", RELEASE)
    assert place.forge.merge(pull.number, head=pull.head).state is PullState.MERGED


def test_an_untracked_file_in_the_way_stays(place: LocalPlace) -> None:
    place.repository.git("checkout", "-q", "main")
    place.forge.push(a_push(place.forge, files={"releases/b.yaml": b"b\n"}))
    pull = opened(place.forge)
    place.repository.write("releases/b.yaml", "mine\n")
    with pytest.raises(BackendError, match=r"untracked .* overwritten by merge: releases/b\.yaml"):
        place.forge.merge(pull.number, head=pull.head)
    assert (place.repository.root / "releases/b.yaml").read_text() == "mine\n"


def test_a_base_in_another_work_tree_is_brought_along_there(place: LocalPlace) -> None:
    other = place.repository.root.parent / "other"
    place.repository.git("worktree", "add", "-q", str(other), "main")
    pull = opened(place.forge)
    place.forge.merge(pull.number, head=pull.head)
    assert (other / RELEASE).read_text() == "new\n"
    assert (place.repository.root / RELEASE).read_text() == "old\n"


def test_a_branch_that_somebody_looks_at_is_not_moved(place: LocalPlace) -> None:
    first = place.forge.push(a_push(place.forge))
    place.repository.git("checkout", "-q", BRANCH)
    with pytest.raises(BackendError, match=r"is checked out in .* so it is not moved") as caught:
        place.forge.push(a_push(place.forge, files={RELEASE: b"2\n"}, fingerprint="cd" * 8, expected=first))
    assert "git switch" in caught.value.hint
    place.forge.delete_branch(BRANCH, expected=first)
    assert place.forge.tip(BRANCH) == first


def test_hooks_do_not_run_and_modes_stay(place: LocalPlace, tmp_path: Path) -> None:
    (place.repository.root / "kept.txt").chmod(0o755)
    place.repository.git("checkout", "-q", "main")
    place.repository.commit("Executable")
    hooks = place.repository.root / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-merge", "post-checkout", "pre-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
        (hooks / name).chmod(0o755)
    place.forge.push(a_push(place.forge, files={"kept.txt": b"new\n"}))
    pull = opened(place.forge)
    place.forge.merge(pull.number, head=pull.head)
    assert not (tmp_path / "sprung").exists()
    assert place.repository.git("ls-tree", "main", "kept.txt").startswith("100755")


def test_the_merge_says_who_approved_what_was_merged(place: LocalPlace) -> None:
    pull = opened(place.forge)
    place.human.approve(pull.number)
    replace(place.forge, actor=replace(place.human.actor, name="Stale", email="stale@example.com")).approve(pull.number)
    head = place.commit(BRANCH, {"note.txt": "x"})
    place.human.approve(pull.number)
    merged = place.forge.merge(pull.number, head=head)
    trailers = place.repository.git("log", "-1", "--format=%(trailers:key=Approved-by,valueonly)", merged.merge_commit)
    assert trailers.split("\n") == ["A Human <human@example.com>"]
    assert f"Pull-Request: {pull.number}" in place.message(merged.merge_commit)


def test_a_title_cannot_forge_a_trailer(place: LocalPlace) -> None:
    pull = opened(place.forge, title="Fine\n\nApproved-by: The Boss <boss@example.com>")
    merged = place.forge.merge(pull.number, head=pull.head)
    assert "Approved-by" not in place.repository.git("log", "-1", "--format=%(trailers)", merged.merge_commit)


def test_a_branch_that_is_gone_shows_no_head(place: LocalPlace) -> None:
    pull = opened(place.forge)
    place.delete(BRANCH)
    assert (place.forge.pull(pull.number).state, place.forge.pull(pull.number).head) == (PullState.OPEN, "")


def test_merged_by_hand_and_the_branch_deleted(place: LocalPlace) -> None:
    pull = opened(place.forge)
    place.force("main", pull.head)
    place.delete(BRANCH)
    assert place.forge.pull(pull.number).state is PullState.MERGED


def test_a_branch_with_a_beginning_of_its_own(place: LocalPlace) -> None:
    place.repository.git("checkout", "-q", "--orphan", "other")
    place.repository.write("kept.txt", "other\n")
    made = place.repository.commit("Another beginning")
    (found,) = place.forge.commits("other", base="main")
    assert (found.sha, found.parents, found.subject) == (made, (), "Another beginning")


def test_a_repository_of_long_names(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--object-format=sha256", str(tmp_path / "r")], check=True)
    repository = Repository(tmp_path / "r")
    repository.write("kept.txt", "kept\n")
    repository.write(RELEASE, "old\n")
    repository.commit()
    repository.git("checkout", "-qb", "desk")
    place = LocalPlace(repository, LocalForge(repository.root, Workspace(repository.root)))
    place.forge.push(a_push(place.forge, files={RELEASE: b"new\n", "kept.txt": None}))
    pull = opened(place.forge)
    assert len(pull.head) == 64
    assert place.forge.commits(BRANCH, base="main")[0].fingerprint
    place.forge.merge(pull.number, head=pull.head)
    assert place.files("main") == {RELEASE: "new"}


def test_a_broken_record_is_named(place: LocalPlace) -> None:
    number = opened(place.forge).number
    path = place.repository.root / f".mlops/forge/pulls/{number}.json"
    document = json.loads(path.read_text())
    for broken in ("{", json.dumps({**document, "more": 1}), json.dumps({**document, "number": 9})):
        path.write_text(broken)
        with pytest.raises(BackendError, match=r"\.mlops/forge/pulls/1\.json is no pull request of this version"):
            place.forge.pulls()


def test_records_are_kept_out_of_git(place: LocalPlace) -> None:
    opened(place.forge)
    assert place.repository.git("status", "--porcelain", "--untracked-files=all") == ""


def test_an_approval_needs_an_open_request(place: LocalPlace) -> None:
    pull = opened(place.forge)
    place.forge.close(pull.number)
    with pytest.raises(UsageError, match="is closed, so it can't be approved"):
        place.human.approve(pull.number)


def killed(place: LocalPlace, action: str, stop: int) -> bool:
    """Run an action in a process that is killed before its n-th step; whether it was."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(place.repository.root), action, str(stop), str(ROOT)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == -signal.SIGKILL or done.stdout.startswith("done"), done.stderr
    return done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("checked_out", [False, True])
def test_killed_before_each_step_of_a_merge(tmp_path: Path, checked_out: bool) -> None:
    stops = 0
    for stop in range(1, 30):
        place = LocalPlace.create(tmp_path / f"r{stop}")
        if checked_out:
            place.repository.git("checkout", "-q", "main")
        pull = opened(place.forge)
        start = place.forge.tip("main")
        if not killed(place, "merge", stop):
            break
        stops += 1
        merged = place.forge.merge(pull.number, head=pull.head)
        assert (merged.state, merged.merge_commit) == (PullState.MERGED, place.forge.tip("main"))
        assert place.repository.git("rev-list", "--count", f"{start}..main") == "1"
        assert place.repository.git("status", "--porcelain") == ""
        assert place.forge.stored.read(1).state is PullState.MERGED
    assert stops >= 4


def test_killed_before_each_step_of_an_opening(tmp_path: Path) -> None:
    stops = 0
    for stop in range(1, 30):
        place = LocalPlace.create(tmp_path / f"r{stop}")
        if not killed(place, "open", stop):
            break
        stops += 1
        pull = opened(place.forge)
        assert place.forge.pulls() == (pull,)
        assert len(place.forge.commits(BRANCH, base="main")) == 1
        assert [path.name for path in place.forge.stored.folder.iterdir()] == ["1.json"]
    assert stops >= 3


def test_processes_at_once_get_numbers_of_their_own(place: LocalPlace) -> None:
    code = (
        "import sys; from pathlib import Path; from mlops_ci.backends.local_forge.forge import LocalForge;"
        "from mlops_ci.io.workspace import Workspace; from mlops_ci.records.forge import NewPull;"
        "root = Path(sys.argv[1]); forge = LocalForge(root, Workspace(root));"
        "print(forge.open(NewPull(branch=sys.argv[2], base='main', title='t', body='')).number)"
    )
    for number in range(4):
        place.commit(f"b{number}", {"x.txt": str(number)})

    def run(branch: str) -> str:
        argv = [sys.executable, "-c", code, str(place.repository.root), branch]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run, [f"b{number % 4}" for number in range(8)]))
    assert sorted(set(found)) == ["1", "2", "3", "4"]
    assert found[:4] == found[4:], "one branch, one request"
