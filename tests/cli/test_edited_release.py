"""A release file that a hand has edited: every command that reads it refuses it in the same words. Real git alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.cli.main import run
from mlops_ci.config import release_file
from mlops_ci.records.models import Release
from tests.digests.repository import Repository

CONFIG = """\
version: 1
models:
  toy:
    environments:
      staging: {target: local}
      production: {target: local}
"""
FILE = "releases/toy/production.yaml"
RELEASE = Release(
    model="toy",
    version="1",
    model_digest="1" * 64,
    inputs_digest="2" * 64,
    run_id="3" * 32,
    serving={"threads": "2"},
)
Out = pytest.CaptureFixture[str]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository.create(tmp_path / "r")
    made.write(".gitignore", "/.mlops/\n")
    made.write("mlops.yaml", CONFIG)
    made.write("dvc.yaml", "stages: {train: {cmd: 'true', outs: [model]}}\n")
    made.write(FILE, release_file.render(RELEASE))
    made.commit("Promote")
    monkeypatch.chdir(made.root)
    return made


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["affected"],
        ["pull-request"],
        ["plan"],
        ["merge", "--dry-run"],
        ["merge"],
        ["deploy", "--environment", "production"],
        ["rollback", "--environment", "production"],
        ["promote", "--environment", "production"],
    ],
    ids=" ".join,
)
def test_it_is_refused_with_its_line(words: list[str], repository: Repository, capsys: Out) -> None:
    text = release_file.render(RELEASE).decode()
    repository.write(FILE, text.replace('threads: "2"', 'threads: "64"'))
    repository.commit("Edit it by hand")
    assert run(words) != 0
    out = capsys.readouterr()
    said = " ".join((out.out + out.err).split())
    assert "the file was changed by hand: its digest is" in said
    assert f"{FILE}:14" in said


def test_one_that_was_written_is_counted(repository: Repository, capsys: Out) -> None:
    run(["check"])
    assert "ok      releases: 1 as mlops-ci wrote them" in capsys.readouterr().out
    assert run(["affected", "--base", "HEAD"]) == 0
