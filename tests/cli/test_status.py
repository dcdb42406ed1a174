"""`mlops-ci status` where one of those it asks is down or refuses, and `deploy` where there is nothing to do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.github.patience import TRIES
from mlops_ci.backends.local_forge.forge import LocalForge
from mlops_ci.cli import wiring
from mlops_ci.cli.main import run
from mlops_ci.config import release_file
from mlops_ci.config.types import Config, Environment
from mlops_ci.errors import BackendError
from mlops_ci.io import clock
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.deploying import Deployer
from mlops_ci.records.codec import encode
from mlops_ci.records.forge import NewPull
from mlops_ci.records.models import Release
from tests.digests.repository import Repository

CONFIG = "version: 1\nmodels: {a: {environments: {staging: {}, canary: {}, production: {}}}}\n"
DOWN = {"GITHUB_REPOSITORY": "acme/models", "GITHUB_TOKEN": "ghs_x", "GITHUB_API_URL": "http://127.0.0.1:9"}
RELEASE = Release(model="a", version="1", model_digest="1" * 64, inputs_digest="2" * 64, run_id="3" * 32)
Out = pytest.CaptureFixture[str]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository.create(tmp_path / "r")
    made.write(".gitignore", "/.mlops/\n")
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
    assert [row.pop("approved") for row in rows] == [None, [], []]
    assert rows_then == rows
    assert approved[0] is None
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


def test_an_edited_release_file_and_a_target_that_is_down_hide_nothing_else(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    """Production's note of what serves stands; no server runs. Canary has no note that can be read at all."""
    text = release_file.render(RELEASE).decode()
    repository.write("releases/a/production.yaml", text.replace('"1"', '"9"'))
    repository.write("releases/a/canary.yaml", text)
    repository.commit("Edit it by hand")
    noted = {"release": encode(RELEASE), "since": "2026-01-01T00:00:00Z", "port": 1, "sequence": 2, "refused": ""}
    repository.write(".mlops/serving/a/production/serving.json", json.dumps(noted))
    serving = wiring.deployer

    def down(config: Config, environment: Environment) -> Deployer:
        if environment.name == "canary":
            raise BackendError("the cluster can't be reached")
        return serving(config, environment)

    monkeypatch.setattr(wiring, "deployer", down)
    code, rows = told(capsys, "status", "--model", "a")
    assert code == 10
    found = {row["environment"]: row for row in rows}
    production, canary = found["production"], found["canary"]
    assert (production["wanted"], production["alias"]) == (None, "")
    assert production["serving"]["release"]["version"] == "1"
    assert "the file was changed by hand" in production["unknown"]["git"]
    assert (canary["wanted"]["version"], canary["alias"], canary["serving"]) == ("1", "", None)
    assert canary["unknown"] == {"target": "the cluster can't be reached"}
    assert found["staging"]["mend"] == "mlops-ci pull-request --model a", "nothing was trained"
    assert run(["status"]) == 10
    said = capsys.readouterr().out
    assert "✗ a production: version 1 does not answer at http://127.0.0.1:1 since 2026-01-01T00:00:00Z" in said
    assert "    what git wants is unknown: releases/a/production.yaml:" in said
    assert "    the alias names nothing" in said
    assert "✗ a canary: what serves is unknown: the cluster can't be reached" in said
    assert "    git wants version 1 (111111111111); the alias names nothing" in said


def test_what_was_taken_back_at_once_names_its_request(repository: Repository, capsys: Out) -> None:
    """Version 2 was taken back with --now, and git still names it; the rollback's request is there, or not yet."""
    second = replace(RELEASE, version="2", model_digest="2" * 64)
    repository.write("releases/a/production.yaml", release_file.render(second))
    repository.commit("Promote")
    noted = {"release": encode(RELEASE), "since": "", "port": 1, "sequence": 2, "refused": second.model_digest}
    repository.write(".mlops/serving/a/production/serving.json", json.dumps(noted))
    row = told(capsys, "status")[1][2]
    assert row["mend"] == "mlops-ci rollback --model a --environment production --to 1"
    repository.git("branch", "mlops-ci/rollback/a/production")
    repository.git("checkout", "-q", "mlops-ci/rollback/a/production")
    repository.write("releases/a/production.yaml", release_file.render(RELEASE))
    repository.commit("Roll back")
    repository.git("checkout", "-q", "main")
    forge = LocalForge(repository.root, Workspace(repository.root))
    pull = forge.open(NewPull(branch="mlops-ci/rollback/a/production", base="main", title="Roll back", body=""))
    row = told(capsys, "status")[1][2]
    assert row["problem"] == "version 2 was taken back here, and git still wants it"
    assert row["mend"] == f"mlops-ci forge merge {pull.number}"
