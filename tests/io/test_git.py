"""Where we are and what we compare with, in real repositories of every awkward kind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mlops_ci.errors import BackendError, RepositoryError
from mlops_ci.io.git import Git
from tests.digests.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "origin")


def clone(repository: Repository, name: str, *options: str) -> Repository:
    target = repository.root.parent / name
    repository.git("clone", "-q", *options, f"file://{repository.root}", str(target))
    return Repository(target)


def opened(repository: Repository) -> Git:
    return Git.open(repository.root)


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="is not inside a git repository") as caught:
        Git.open(tmp_path)
    assert "git init" in caught.value.hint
    assert caught.value.exit_code == 2


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RepositoryError, match="git is not installed"):
        Git.open(tmp_path)


def test_a_bare_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "bare")], check=True)
    with pytest.raises(RepositoryError, match="is a bare repository"):
        Git.open(tmp_path / "bare")


def test_no_commits(repository: Repository) -> None:
    with pytest.raises(RepositoryError, match="no commits yet") as caught:
        opened(repository).merge_base()
    assert "git commit" in caught.value.hint
    with pytest.raises(RepositoryError, match="no commits yet"):
        opened(repository).working_tree()


def test_from_a_folder_below(repository: Repository) -> None:
    repository.write("a/b/c.txt")
    repository.commit()
    assert Git.open(repository.root / "a/b").root == repository.root.resolve()


def test_inside_of_a_hook(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git tells its hooks where it is; another repository must not be mistaken for that one."""
    head = repository.commit()
    other = Repository.create(tmp_path / "other")
    other.commit()
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.root / ".git/index"))
    assert opened(repository).head() == head


def test_a_branch_is_compared_with_where_it_began(repository: Repository) -> None:
    start = repository.commit("Start")
    repository.git("checkout", "-qb", "feature")
    assert opened(repository).merge_base() == start, "a branch without commits has nothing in question"
    repository.commit("On the branch")
    repository.git("checkout", "-q", "main")
    repository.commit("Meanwhile")
    repository.git("checkout", "-q", "feature")
    assert opened(repository).merge_base() == start
    assert opened(repository).branch() == "feature"


def test_on_the_default_branch(repository: Repository) -> None:
    first = repository.commit("One")
    assert opened(repository).merge_base() == "", "the first commit is compared with nothing"
    second = repository.commit("Two")
    assert opened(repository).merge_base() == first, "what the last commit brought"
    repository.write("new.txt")
    assert opened(repository).merge_base() == second, "what is edited now"


def test_a_detached_head_on_the_default_branch(repository: Repository) -> None:
    first = repository.commit("One")
    second = repository.commit("Two")
    repository.commit("Three")
    repository.git("checkout", "-q", "--detach", second)
    git = opened(repository)
    assert git.branch() == ""
    assert git.head() == second
    assert git.merge_base() == first


def test_a_pull_requests_merge_commit(repository: Repository) -> None:
    """What CI checks out for a pull request: a detached merge of the branch into the default branch."""
    repository.commit("Start")
    repository.git("checkout", "-qb", "feature")
    repository.commit("Work")
    repository.git("checkout", "-q", "main")
    tip = repository.commit("Meanwhile")
    there = clone(repository, "runner")
    there.git("fetch", "-q", "origin", "feature:refs/remotes/pull/1/head")
    there.git("checkout", "-q", "--detach")
    there.git("merge", "-q", "--no-ff", "-m", "Merge", "refs/remotes/pull/1/head")
    assert opened(there).merge_base() == tip


def test_the_remotes_default_branch_is_found_by_name(repository: Repository) -> None:
    start = repository.commit("Start")
    repository.git("branch", "-m", "trunk")
    there = clone(repository, "there")
    there.git("checkout", "-qb", "feature")
    there.git("branch", "-D", "trunk")
    there.commit("Work")
    assert opened(there).merge_base() == start
    assert opened(there).merge_base("trunk") == start
    assert opened(there).merge_base("origin/trunk") == start


def test_no_branch_to_compare_with(repository: Repository) -> None:
    repository.commit()
    repository.git("branch", "-m", "topic")
    with pytest.raises(RepositoryError, match="no branch main or master to compare with") as caught:
        opened(repository).merge_base()
    assert "git fetch origin main" in caught.value.hint
    assert "--base" in caught.value.hint
    with pytest.raises(RepositoryError, match="no branch develop"):
        opened(repository).merge_base("develop")


def test_unrelated_histories(repository: Repository) -> None:
    repository.commit("One")
    repository.git("checkout", "-q", "--orphan", "island")
    repository.commit("Two")
    with pytest.raises(RepositoryError, match="this branch and main share no history") as caught:
        opened(repository).merge_base()
    assert "--base" in caught.value.hint


@pytest.mark.parametrize("detached", [False, True])
def test_a_shallow_clone(repository: Repository, detached: bool) -> None:
    repository.commit("Start")
    repository.git("checkout", "-qb", "feature")
    repository.commit("Work")
    shallow = clone(repository, "shallow", "--depth=1", "--branch=feature")
    if not detached:
        shallow.git("fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main")
    with pytest.raises(RepositoryError) as caught:
        opened(shallow).merge_base()
    assert "git fetch --unshallow" in caught.value.hint
    assert "fetch-depth: 0" in caught.value.hint


def test_the_cure_for_a_shallow_clone_works(repository: Repository) -> None:
    start = repository.commit("Start")
    repository.commit("Two")
    shallow = clone(repository, "shallow", "--depth=1")
    with pytest.raises(RepositoryError, match="this clone is shallow"):
        opened(shallow).merge_base()
    shallow.git("fetch", "-q", "--unshallow", "origin")
    assert opened(shallow).merge_base() == start


@pytest.mark.parametrize("revision", ["nope", "--output=/tmp/x", "", "main:file", "HEAD~99"])
def test_a_revision_that_is_none(repository: Repository, revision: str) -> None:
    repository.commit()
    with pytest.raises(RepositoryError, match="git knows no revision"):
        opened(repository).resolve(revision)


def test_revisions_are_resolved_to_commits(repository: Repository) -> None:
    head = repository.commit()
    repository.git("tag", "-a", "v1", "-m", "one")
    assert {opened(repository).resolve(name) for name in ("HEAD", "main", "v1", head[:10])} == {head}


def test_dirty_names_everything_but_ours(repository: Repository) -> None:
    repository.write(".gitignore", "*.log\n")
    repository.write("a.txt", "1")
    repository.write("b.txt", "1")
    repository.write("c.txt", "1")
    repository.commit()
    assert opened(repository).dirty() == ()
    repository.write("a.txt", "2")
    repository.git("mv", "b.txt", "é d.txt")
    (repository.root / "c.txt").unlink()
    repository.write("new/x y.txt")
    repository.write("x.log")
    repository.write(".mlops/results/a.json")
    repository.write("sub/.mlops/b.json")
    assert opened(repository).dirty() == ("a.txt", "b.txt", "c.txt", "new/x y.txt", "é d.txt")


def test_one_git_is_one_moment(repository: Repository) -> None:
    repository.commit()
    git = opened(repository)
    assert git.dirty() == ()
    repository.write("a.txt")
    assert git.dirty() == ()
    assert opened(repository).dirty() == ("a.txt",)


def test_nothing_of_the_repository_is_run(repository: Repository, tmp_path: Path) -> None:
    """A monitor and hooks in the repository's settings are programs; looking must not start them."""
    repository.commit()
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "core.editor", "diff.external"):
        repository.git("config", name, str(trap))
    for hook in ("post-index-change", "reference-transaction", "post-checkout"):
        (repository.root / ".git/hooks").mkdir(exist_ok=True)
        (repository.root / ".git/hooks" / hook).symlink_to(trap)
    repository.write("a.txt")
    index = (repository.root / ".git/index").stat().st_mtime_ns if (repository.root / ".git/index").exists() else 0
    git = opened(repository)
    tree = git.working_tree()
    assert tree.digest("a.txt")
    git.merge_base()
    assert not (tmp_path / "sprung").exists()
    after = (repository.root / ".git/index").stat().st_mtime_ns if (repository.root / ".git/index").exists() else 0
    assert index == after, "no optional lock, no write"


def test_both_trees_answer_alike_once_committed(repository: Repository) -> None:
    repository.write("kept.txt", "1")
    repository.write("gone.txt", "1")
    repository.write("folder/x.txt", "1")
    repository.write("becomes-folder", "1")
    repository.commit()
    repository.write("staged.txt", "staged")
    repository.git("add", "staged.txt")
    repository.write("staged.txt", "then edited")
    repository.write("untracked é.txt", b"\x00\xff")
    (repository.root / "gone.txt").unlink()
    repository.git("rm", "-rq", "folder")
    repository.write("folder", "a file now")
    (repository.root / "becomes-folder").unlink()
    repository.write("becomes-folder/y.txt", "y")
    (repository.root / "link").symlink_to("kept.txt")
    (repository.root / os.fsdecode(b"odd-\xff.txt")).write_text("odd")
    before = opened(repository).working_tree()
    seen = {path: (before.kind(path), before.digest(path), before.read(path)) for path in sorted(before.paths())}
    repository.commit()
    git = opened(repository)
    after = git.tree(git.head())
    assert seen == {path: (after.kind(path), after.digest(path), after.read(path)) for path in sorted(after.paths())}
    assert len(seen) == 7
    assert not before.exists("gone.txt")
    with pytest.raises(KeyError):
        before.read("gone.txt")


def test_what_is_taken_out_of_git_is_gone_though_it_lies_on_disk(repository: Repository) -> None:
    repository.write("ignored.txt", "1")
    repository.write("untracked.txt", "1")
    repository.commit()
    repository.git("rm", "-q", "--cached", "ignored.txt", "untracked.txt")
    repository.write(".gitignore", "ignored.txt\n")
    assert set(opened(repository).working_tree().paths()) == {".gitignore", "untracked.txt"}


def test_a_large_file_nobody_asks_for_is_not_read(repository: Repository) -> None:
    repository.write("a.txt")
    repository.commit()
    repository.write("small.txt", "1")
    with open(repository.root / "large.bin", "wb") as file:
        file.truncate(50 * 1024 * 1024)
    tree = opened(repository).working_tree()
    tree.digest("small.txt")
    assert "large.bin" not in tree._hashes
    assert tree.digest("large.bin") == f"git:{repository.git('hash-object', 'large.bin')}"


def test_a_missing_object_is_named(repository: Repository) -> None:
    repository.write("a.txt", "content")
    repository.commit()
    name = repository.git("rev-parse", "HEAD:a.txt")
    (repository.root / ".git/objects" / name[:2] / name[2:]).unlink()
    git = opened(repository)
    with pytest.raises(BackendError, match=f"no content for object {name}"):
        git.tree(git.head()).read("a.txt")


def test_work_trees_and_sparse_checkouts(repository: Repository) -> None:
    repository.write("a/x.txt", "1")
    repository.write("b/y.txt", "1")
    repository.commit()
    whole = {path: opened(repository).working_tree().digest(path) for path in ("a/x.txt", "b/y.txt")}
    repository.git("worktree", "add", "-q", str(repository.root.parent / "second"))
    second = Repository(repository.root.parent / "second")
    second.git("sparse-checkout", "set", "a")
    assert not (second.root / "b").exists()
    tree = opened(second).working_tree()
    assert {path: tree.digest(path) for path in whole} == whole


def test_commits_are_counted_as_of_the_moment_of_the_first_look(repository: Repository) -> None:
    first = repository.commit()
    second = repository.commit()
    git = opened(repository)
    assert git.head() == second
    repository.commit("While it is at work")
    assert (git.count(), git.count(first), git.count(second)) == (2, 1, 2)
    assert (git.count(""), git.count("0" * 40)) == (0, 0), "what is no part of this history"
