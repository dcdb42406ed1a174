"""`report --publish` in a job: its outputs, its summary, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from mlops_ci.cli.main import run
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.results import Check, Origin, Status
from tests.actions.test_announce import parsed
from tests.cli.job_log import commands
from tests.digests.repository import Repository
from tests.report.test_reports import results


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which `m` was judged, green; pull requests live in the repository."""
    made = Repository.create(tmp_path / "r")
    made.write("mlops.yaml", "version: 1\nmodels:\n  m: {train: {target: train}}\n")
    head = made.commit("A model")
    for item in results(gate=Status.PASSED):
        Workspace(made.root).write_result(dataclasses.replace(item, origin=Origin(commit=head)))
    monkeypatch.chdir(made.root)
    for name in ("OUTPUT", "STEP_SUMMARY"):
        monkeypatch.setenv(f"GITHUB_{name}", str(tmp_path / name))
    monkeypatch.setenv("GITHUB_SHA", head)
    return tmp_path


@pytest.mark.parametrize(
    ("expect", "passed", "skipped"),
    [('["m"]', "true", "false"), ('["m", "lost"]', "false", "false"), ("[]", "true", "true"), (" ", "true", "false")],
)
def test_it_passes_only_where_every_model_was_judged(job: Path, expect: str, passed: str, skipped: str) -> None:
    assert run(["report", "--publish", "--expect", expect]) == 0
    found = parsed((job / "OUTPUT").read_text())
    assert (found["passed"], found["skipped"]) == (passed, skipped)
    assert json.loads(found["models"]) == (["m"] if expect == " " else json.loads(expect))
    assert (job / "STEP_SUMMARY").read_text().startswith("## ")


@pytest.mark.parametrize("words", [["--json"], ["--format", "json"], []])
def test_no_report_is_a_command_in_the_log(
    job: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    check = Check(name="auc", status=Status.FAILED, message="low ##[error]x")
    (first, *_) = results(gate=Status.PASSED)
    Workspace(job / "r").write_result(dataclasses.replace(first, checks=(check,)))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run(["report", *words]) == 0
    out = capsys.readouterr().out
    assert "low #" in out
    assert commands(out) == []
    if "json" in "".join(words):
        said = [found["message"] for item in json.loads(out)["models"][0]["results"] for found in item["checks"]]
        assert "low ##[error]x" in said


def test_a_run_that_ended_before_anything_was_known_has_not_passed(job: Path) -> None:
    Workspace(job / "r").forget("m", ("affected", "validate", "train", "evaluate"))
    (job / "r/.mlops/results/m").rmdir()
    assert run(["report", "--publish"]) == 0
    assert parsed((job / "OUTPUT").read_text())["passed"] == "false"
    assert "Nothing was judged" in (job / "STEP_SUMMARY").read_text()


def test_numbers_of_another_commit_have_not_passed(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for item in results(gate=Status.PASSED):
        Workspace(job / "r").write_result(dataclasses.replace(item, origin=Origin(commit="b" * 40)))
    assert run(["report", "--publish", "--expect", '["m"]']) == 0
    assert parsed((job / "OUTPUT").read_text())["passed"] == "false"


def test_the_local_forge_is_told_nothing(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--publish"]) == 0
    assert "nothing is published: the pull requests live in this repository" in capsys.readouterr().err


def test_a_fork_s_run_writes_nothing(
    job: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pull = {"number": 3, "head": {"sha": "c" * 40, "repo": {"full_name": "somebody/models"}}}
    (job / "event.json").write_text(json.dumps({"pull_request": pull}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(job / "event.json"))
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/models")
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_x")
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    assert run(["report", "--publish"]) == 0
    assert "a fork's run may not write" in capsys.readouterr().err


@pytest.mark.parametrize("expect", ["m", '"m"', '["../m"]', "[1]", '{"m": 1}', '["M"]'])
def test_names_that_are_none_are_refused(job: Path, expect: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--publish", "--expect", expect]) == 2
    assert "it is no JSON list of model names" in capsys.readouterr().err


def test_without_a_commit_there_is_nothing_to_say(
    job: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_SHA")
    assert run(["report", "--publish"]) == 2
    assert "--publish needs the commit that it is about" in capsys.readouterr().err


def test_marking_older_results_reads_no_config(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So its job needs none of the variables that the config may ask for; here is no GitHub to tell."""
    (job / "r/mlops.yaml").write_text("version: ${NOT_SET}\n")
    assert run(["report", "--begun"]) == 0
    assert "nothing is marked: nobody reviews this job at GitHub" in capsys.readouterr().err
    assert run(["report", "--publish"]) == 2
