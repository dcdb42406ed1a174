"""`mlops-ci status` with a forge that is down, and `deploy` where there is nothing to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.github.patience import TRIES
from mlops_ci.cli.main import run
from mlops_ci.io import clock
from tests.digests.repository import Repository

CONFIG = "version: 1\nmodels: {a: {environments: {staging: {}, canary: {}, production: {}}}}\n"
DOWN = {"GITHUB_REPOSITORY": "acme/models", "GITHUB_TOKEN": "ghs_x", "GITHUB_API_URL": "http://127.0.0.1:9"}
Out = pytest.CaptureFixture[str]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository.create(tmp_path / "r")
    made.write("mlops.yaml", CONFIG)
    made.write("dvc.yaml", "stages: {train: {cmd: 'true', outs: [model]}}\n")
    made.commit("Config")
    monkeypatch.chdir(made.root)
    return made


def told(capsys: Out, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and the document."""
    code = run([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("repository")
def test_a_forge_that_is_down_takes_nothing_but_the_approvals_away(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    code, rows = told(capsys, "status")
    waited: list[float] = []
    monkeypatch.setattr(clock, "sleep", waited.append)
    for name, value in DOWN.items():
        monkeypatch.setenv(name, value)
    code_then, rows_then = told(capsys, "status")
    assert code_then == code
    assert len(waited) == TRIES - 1, "it is asked once, not for each environment"
    approved = [row.pop("approved") for row in rows_then]
    assert [row.pop("approved") for row in rows] == [[], [], []]
    assert rows_then == rows
    assert approved[0] == []
    assert approved[1] == approved[2]
    assert approved[1][0].startswith("(unknown: ")
    assert "ghs_x" not in approved[1][0]
    assert run(["status"]) == code
    assert "    approved by (unknown: " in capsys.readouterr().out


@pytest.mark.usefixtures("repository")
def test_deploy_with_nothing_to_do_says_why(capsys: Out) -> None:
    why = "nothing to do: git names no release for production, and nothing serves there"
    for words in (["deploy", "--environment", "production"], ["deploy", "--environment", "production", "--dry-run"]):
        assert run(words) == 0
        assert capsys.readouterr().out.strip() == why
        assert told(capsys, *words) == (0, [])
