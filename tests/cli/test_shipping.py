"""Which commit's run may stop what serves: real git, and what a local target has noted. No server runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_ci.backends import served_note
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


def test_an_older_commit_without_a_release_stops_nothing_and_a_later_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = Repository.create(tmp_path / "r")
    repository.write(".gitignore", "/.mlops/\n")
    repository.write("mlops.yaml", CONFIG)
    repository.write("dvc.yaml", "stages: {train: {cmd: 'true', outs: [model]}}\n")
    before = repository.commit("Config")
    repository.write(FILE, release_file.render(RELEASE))
    repository.commit("Promote")
    place = repository.root / ".mlops/serving/toy/production"
    serves = {"release": encode(RELEASE), "since": "2026-01-01T00:00:00Z", "port": 1, "sequence": 2, "refused": ""}
    repository.write(".mlops/serving/toy/production/serving.json", json.dumps(serves))
    monkeypatch.chdir(repository.root)

    repository.git("checkout", "-q", before)
    assert run(["deploy", "--environment", "production"]) == 11
    assert "a later commit's release serves in production already" in capsys.readouterr().out
    assert served_note.noted(place) == serves

    repository.git("checkout", "-q", "main")
    repository.git("rm", "-q", FILE)
    repository.commit("Take it back")
    assert run(["deploy", "--environment", "production"]) == 0
    assert served_note.noted(place) == {"port": 1, "sequence": 3, "refused": ""}
