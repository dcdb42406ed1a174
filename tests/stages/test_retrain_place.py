"""The work tree that a challenger is made in: what a killed run left there, and what is committed of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.errors import ConfigError
from mlops_ci.io.git import Git
from mlops_ci.stages.retrain_place import Place, data_changes, gathered, refresh_job
from tests.digests.repository import Repository

QUESTION = "a" * 32


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "r").pipeline()


@pytest.fixture
def place(repository: Repository) -> Place:
    return Place(root=repository.root, home=repository.root / ".mlops/retrain/toy")


def refreshed(place: Place, commit: str) -> None:
    """Data came, and was noted."""
    note = place.prepare(commit, QUESTION)
    (place.tree / "data/raw.csv").write_text("a,b\n3,4\n")
    (place.tree / "dvc.lock").write_text("new\n")
    place.refreshed(note, ("data/raw.csv", "dvc.lock"))


def test_it_is_the_commit_and_leaves_the_checkout_alone(repository: Repository, place: Place) -> None:
    start = repository.git("rev-parse", "HEAD")
    repository.write("train.py", "mine, not committed")
    note = place.prepare(start, QUESTION)
    assert (note.base, note.refreshed) == (start, False)
    assert (place.tree / "train.py").read_text() == "print('train')\n"
    assert repository.git("branch", "--format=%(refname:short)") == "main"
    assert repository.git("status", "--porcelain", "-uno") == "M train.py"


def test_what_a_killed_run_left_is_kept_for_the_same_question(repository: Repository, place: Place) -> None:
    start = repository.git("rev-parse", "HEAD")
    place.prepare(start, QUESTION)
    (place.tree / "half.csv").write_text("half")
    (place.tree / "dvc.yaml").write_text("half")
    assert not place.prepare(start, QUESTION).refreshed
    assert (place.tree / "half.csv").exists()
    assert (place.tree / "dvc.yaml").read_text() == (repository.root / "dvc.yaml").read_text()
    refreshed(place, start)
    assert place.prepare(start, QUESTION).refreshed
    assert not place.prepare(start, "b" * 32).refreshed
    assert not (place.tree / "half.csv").exists()
    assert (place.tree / "data/raw.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize(("path", "kept"), [("other.txt", True), ("data/raw.csv", False)])
def test_data_is_taken_along_to_a_base_that_left_it_alone(
    repository: Repository, place: Place, path: str, kept: bool
) -> None:
    refreshed(place, repository.git("rev-parse", "HEAD"))
    repository.write(path, "theirs\n")
    moved = repository.commit("Move on")
    assert place.prepare(moved, QUESTION).refreshed is kept
    assert (place.tree / "data/raw.csv").read_text() == ("a,b\n3,4\n" if kept else "theirs\n")
    assert (place.tree / "dvc.lock").exists() is kept
    assert Git.open(place.tree).head() == moved


def test_what_was_forgotten_and_what_git_lost_is_made_anew(repository: Repository, place: Place) -> None:
    start = repository.git("rev-parse", "HEAD")
    refreshed(place, start)
    place.forget()
    assert not place.prepare(start, QUESTION).refreshed
    repository.write("train.py", "mine, not committed")
    (place.tree / ".git/HEAD").write_text("broken\n")
    assert not place.prepare(start, QUESTION).refreshed
    assert Git.open(place.tree).head() == start
    assert (repository.root / "train.py").read_text() == "mine, not committed", "git did not take the one for the other"
    (place.home / "note.json").write_text("{")
    assert not place.prepare(start, QUESTION).refreshed


def test_a_killed_git_s_lock_is_in_nobodys_way(repository: Repository, place: Place) -> None:
    start = repository.git("rev-parse", "HEAD")
    place.prepare(start, QUESTION)
    (place.tree / ".git/index.lock").touch()
    assert place.prepare(start, "b" * 32).base == start


def test_the_commit_is_data_parameters_and_records(repository: Repository, place: Place) -> None:
    repository.write("metrics.json", "{}\n")
    repository.write("README.md", "toy\n")
    place.prepare(repository.commit("Keep metrics"), QUESTION)
    there = Repository(place.tree)
    before = there.inputs()
    for path in ("data/raw.csv", "params.yaml", "dvc.lock", "data/more.csv.dvc", "data/.gitignore", "metrics.json"):
        there.write(path, "" if path == "params.yaml" else "new\n")
    there.write("params.yaml", "depth: 4\nmodel: {rate: 0.1, unused: 1}\n")
    there.write("README.md", "changed by a careless command\n")
    there.write("nohup.out", "left behind\n")
    there.write(".dvc/tmp/lock", "")
    after = there.inputs()
    files, left = gathered(Git.open(place.tree), after)
    expected = {"data/raw.csv", "params.yaml", "dvc.lock", "data/more.csv.dvc", "data/.gitignore", "metrics.json"}
    assert set(files) == expected
    assert left == ("README.md",)
    assert files["data/raw.csv"] == b"new\n"
    assert [item.path for item in data_changes(before, after)] == ["data/raw.csv"]


def test_what_brings_newer_data(repository: Repository) -> None:
    repository.write(".dvc/config", "")
    repository.commit("Set DVC up")
    project, inputs = repository.project(), repository.inputs()
    job = refresh_job("make data", 5.0, project=project, inputs=inputs, where="mlops.yaml:3")
    assert (job.command, job.imports, job.stages, job.timeout) == ("make data", [], [], 5.0)
    with pytest.raises(ConfigError, match="nothing says where newer data comes from") as caught:
        refresh_job("", 5.0, project=project, inputs=inputs, where="mlops.yaml:3")
    assert caught.value.where == "mlops.yaml:3"

    repository.git("rm", "-q", "--cached", "data/raw.csv")
    repository.write("data/.gitignore", "/raw.csv\n")
    imported = "md5: aa\nfrozen: true\ndeps:\n- path: https://example.com/raw.csv\nouts:\n- md5: bb\n  path: raw.csv\n"
    repository.write("data/raw.csv.dvc", imported)
    repository.commit("Import it")
    job = refresh_job("", 5.0, project=repository.project(), inputs=repository.inputs(), where="")
    assert (job.imports, job.stages) == (["data/raw.csv.dvc"], [])
