"""`mlops-ci canary` where there is none to look at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_ci.cli.main import run
from tests.digests.repository import Repository

Out = pytest.CaptureFixture[str]
LOCAL = """\
version: 1
models:
  a:
    environments:
      staging: {target: local}
      production: {target: local, prometheus: "http://127.0.0.1:1", canary: {}}
"""


def place(root: Path, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository.create(root)
    repository.write("mlops.yaml", config)
    repository.write("dvc.yaml", "stages: {train: {cmd: 'true', outs: [model]}}\n")
    repository.commit("Config")
    monkeypatch.chdir(repository.root)


@pytest.mark.parametrize("word", ["tick", "show"])
def test_no_environment_has_a_canary(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    place(tmp_path / "r", "version: 1\nmodels: {a: {environments: {staging: {}}}}\n", monkeypatch)
    assert run(["canary", word]) == 0, "a schedule calls it in any repository"
    said = {"tick": "skipped: no environment has a 'canary' in mlops.yaml", "show": "there is no canary"}
    assert said[word] in capsys.readouterr().out
    assert run(["canary", word, "--environment", "staging"]) == 2
    assert "environment 'staging' has no 'canary' in mlops.yaml" in capsys.readouterr().err


def test_a_target_that_moves_all_traffic_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    place(tmp_path / "r", LOCAL, monkeypatch)
    assert run(["canary", "show"]) == 2
    assert "environment 'production': the target 'local' has no canaries" in capsys.readouterr().err
    assert run(["canary", "tick", "--json"]) == 2
    (result,) = json.loads(capsys.readouterr().out)
    assert (result["stage"], result["status"]) == ("canary-production", "error")
    assert result["failure"]["hint"].startswith("remove 'canary', or serve it with target: kserve")
