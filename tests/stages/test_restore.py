"""Bringing an earlier model's files back: only those that decided it, proven by digests, with real git and no DVC."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mlops_ci.config.load import load
from mlops_ci.config.types import Config
from mlops_ci.errors import UsageError
from mlops_ci.io.git import Git
from mlops_ci.records.models import Release
from mlops_ci.stages.inputs import model_inputs
from mlops_ci.stages.restore import restored
from tests.digests.repository import Repository

CONFIG = "version: 1\nmodels:\n  toy: {train: {target: train}}\n"
OTHER = """\
  other:
    path: other
    train: {target: fit}
"""
DVC = "stages:\n  fit:\n    cmd: python fit.py\n    deps: [fit.py, ../train.py]\n    outs: [model]\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.create(tmp_path / "r").pipeline()
    made.write("mlops.yaml", CONFIG)
    made.commit("Serve it")
    return made


def config(repository: Repository) -> Config:
    return load(repository.root / "mlops.yaml", {})


def release(repository: Repository) -> Release:
    """The model that HEAD decides, as version 1."""
    git = Git.open(repository.root)
    digest = model_inputs(config(repository).models["toy"], git.tree(git.head())).digest
    return Release(model="toy", version="1", model_digest="1" * 64, inputs_digest=digest, run_id="r", commit=git.head())


def back(repository: Repository, wanted: Release) -> dict[str, bytes | None]:
    """The files that bring it back to HEAD; applied, HEAD decides that model again."""
    git, found = Git.open(repository.root), config(repository)
    files = dict(restored(found, found.models["toy"], wanted, then=git.tree(wanted.commit), now=git.tree(git.head())))
    for path, content in files.items():
        if content is None:
            (repository.root / path).unlink()
        else:
            repository.write(path, content)
    repository.commit("Roll back")
    assert release(repository).inputs_digest == wanted.inputs_digest
    return files


def test_only_what_decided_the_model_is_brought_back_over_any_number_of_commits(repository: Repository) -> None:
    first = release(repository)
    repository.write("params.yaml", "depth: 5\nmodel: {rate: 0.1, unused: 1}\n")
    repository.write("README.md", "# deeper\n")
    repository.commit("Go deeper")
    repository.write("train.py", "print('train better')\n")
    repository.commit("Train better")
    assert set(back(repository, first)) == {"params.yaml", "train.py"}
    assert (repository.root / "README.md").read_text() == "# deeper\n", "other work stays"
    assert back(repository, first) == {}, "nothing is left to do"


def test_a_merge_commit_is_taken_back_like_a_squash(repository: Repository) -> None:
    first = release(repository)
    repository.git("checkout", "-qb", "topic")
    repository.write("train.py", "print('one')\n")
    repository.commit("One")
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "Merge topic", "topic")
    assert set(back(repository, first)) == {"train.py"}


def test_data_comes_back_as_its_dvc_file_and_what_came_into_a_folder_goes(repository: Repository) -> None:
    dvc = (repository.root / "dvc.yaml").read_text().replace("deps: [train.py, ", "deps: [src, extra.csv, train.py, ")
    repository.write("dvc.yaml", dvc)
    repository.write("src/a.py", "1\n")
    repository.write("extra.csv.dvc", "outs:\n- md5: 0123456789abcdef0123456789abcdef\n  path: extra.csv\n")
    repository.commit("Read more")
    first = release(repository)
    repository.write("src/b.py", "2\n")
    repository.write("extra.csv.dvc", "outs:\n- md5: fedcba9876543210fedcba9876543210\n  path: extra.csv\n")
    repository.commit("Read other data")
    files = back(repository, first)
    assert files["src/b.py"] is None
    assert set(files) == {"src/b.py", "extra.csv.dvc"}


def test_a_template_that_was_filled_comes_back_too(repository: Repository) -> None:
    dvc = (repository.root / "dvc.yaml").read_text()
    repository.write("dvc.yaml", dvc.replace("cmd: python train.py", "cmd: python train.py --seed ${seed}"))
    repository.write("params.yaml", "depth: 3\nmodel: {rate: 0.1}\nseed: 1\n")
    repository.commit("Take a seed")
    first = release(repository)
    repository.write("params.yaml", "depth: 3\nmodel: {rate: 0.1}\nseed: 2\n")
    repository.commit("Take another")
    assert set(back(repository, first)) == {"params.yaml"}


def test_a_broken_default_branch_is_mended_by_it(repository: Repository) -> None:
    first = release(repository)
    repository.write("dvc.yaml", "stages: [broken]\n")
    repository.commit("Break it")
    assert set(back(repository, first)) == {"dvc.yaml"}


def refused(repository: Repository, wanted: Release) -> str:
    with pytest.raises(UsageError, match="can't be brought back by its files alone") as caught:
        back(repository, wanted)
    assert f"git log {wanted.commit[:12]}.." in caught.value.hint
    return caught.value.message


def test_what_another_model_shares_is_left_to_a_person(repository: Repository) -> None:
    repository.write("mlops.yaml", CONFIG + OTHER)
    repository.write("other/dvc.yaml", DVC)
    repository.write("other/fit.py", "print('fit')\n")
    repository.commit("Train another model, from the same file")
    first = release(repository)
    repository.write("train.py", "print('both')\n")
    repository.commit("Change both")
    assert "that would change other as well, by train.py" in refused(repository, first)


def test_what_no_file_brings_back_is_left_to_a_person(repository: Repository) -> None:
    first = release(repository)
    repository.write("mlops.yaml", CONFIG.replace("target: train", "target: train, model: model2"))
    repository.commit("Read the model elsewhere")
    assert "how toy is trained has changed in mlops.yaml since" in refused(repository, first)
    forged = dataclasses.replace(first, inputs_digest="0" * 64)
    assert "how toy is trained has changed" in refused(repository, forged)


def test_a_link_is_left_to_a_person(repository: Repository) -> None:
    (repository.root / "train.py").unlink()
    (repository.root / "train.py").symlink_to("prepare.py")
    repository.commit("Link it")
    first = release(repository)
    (repository.root / "train.py").unlink()
    repository.write("train.py", "print('a file')\n")
    repository.commit("No link")
    assert "'train.py' is no plain file" in refused(repository, first)
