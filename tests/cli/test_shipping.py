"""Which commit's run may stop what serves: real git, and what a local target has noted. No server runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_ci.backends.keeper import served_note
from mlops_ci.cli.main import run
from mlops_ci.config import release_file
from mlops_ci.records.codec import encode
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
RELEASE = Release(model="toy", version="1", model_digest="1" * 64, inputs_digest="2" * 64, run_id="3" * 32)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """It names a release for production, and its first commit names none."""
    made = Repository.create(tmp_path / "r")
    made.write(".gitignore", "/.mlops/\n")
    made.write("mlops.yaml", CONFIG)
    made.write("dvc.yaml", "stages: {train: {cmd: 'true', outs: [model]}}\n")
    made.commit("Config")
    made.write(FILE, release_file.render(RELEASE))
    made.commit("Promote")
    monkeypatch.chdir(made.root)
    return made


def test_an_older_commit_without_a_release_stops_nothing_and_a_later_one_does(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    place = repository.root / ".mlops/serving/toy/production"
    serves = {"release": encode(RELEASE), "since": "2026-01-01T00:00:00Z", "port": 1, "sequence": 2, "refused": ""}
    repository.write(".mlops/serving/toy/production/serving.json", json.dumps(serves))

    repository.git("checkout", "-q", "HEAD~1")
    assert run(["deploy", "--environment", "production"]) == 11
    assert "a later commit's release serves in production already" in capsys.readouterr().out
    assert served_note.noted(place) == serves

    repository.git("checkout", "-q", "main")
    repository.git("rm", "-q", FILE)
    repository.commit("Take it back")
    assert run(["deploy", "--environment", "production"]) == 0
    assert served_note.noted(place) == {"port": 1, "sequence": 3, "refused": ""}


def test_a_removal_where_nothing_serves_is_noted_so_that_no_older_commit_serves_after_it(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    place = repository.root / ".mlops/serving/toy/production"
    repository.git("checkout", "-q", "HEAD~1")
    assert run(["deploy", "--environment", "production"]) == 0
    assert "git names no release for production, and nothing serves there" in capsys.readouterr().out
    assert served_note.noted(place) == {}, "it never named one"

    repository.git("checkout", "-q", "main")
    repository.git("rm", "-q", FILE)
    repository.commit("Take it back")
    assert run(["deploy", "--environment", "production", "--dry-run"]) == 0
    assert "already done: nothing serves: git names no release for production any more" in capsys.readouterr().out
    assert served_note.noted(place) == {}
    assert run(["deploy", "--environment", "production"]) == 0
    assert served_note.noted(place) == {"sequence": 3}
