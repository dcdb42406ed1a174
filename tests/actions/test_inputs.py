"""Inputs of the actions as people write them: the command line takes what is meant, and refuses the rest by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from mlops_ci.cli.main import run

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("written", ["True", "true ", "1", "yes", "FALSE", "off", ""])
def test_a_truth_value_may_be_written_in_any_way(
    written: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLOPS_CI_MERGE_DRY_RUN", written)
    assert run(["merge"]) == 2
    assert "error: there is no mlops.yaml" in capsys.readouterr().err, "it went on to its work"


@pytest.mark.parametrize(
    ("words", "variable", "written", "said"),
    [
        (["merge"], "MLOPS_CI_MERGE_DRY_RUN", "maybe", "'--dry-run'"),
        (["deploy"], "MLOPS_CI_DEPLOY_ENVIRONMENT", "", "Missing option '--environment'"),
        (["serve", "logs"], "MLOPS_CI_SERVE_LOGS_LINES", "many", "'--lines'"),
        (["report"], "MLOPS_CI_REPORT_FORMAT", "pdf", "'--format'"),
    ],
)
def test_what_can_t_be_meant_is_refused_by_its_name(
    words: list[str],
    variable: str,
    written: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, written)
    assert run(words) == 2
    assert said in capsys.readouterr().err


def test_a_number_may_have_spaces_around_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLOPS_CI_SERVE_LOGS_LINES", " 5 ")
    assert run(["serve", "logs", "--lines", "5"]) == run(["serve", "logs"])


def root_action(monkeypatch: pytest.MonkeyPatch, **inputs: str) -> None:
    """The variables as the step of the action in the root sets them: every one, most of them empty."""
    (step,) = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"]
    for variable, expression in step["env"].items():
        monkeypatch.setenv(variable, inputs.get(re.sub(r"\$\{\{ inputs\.(\w+).*", r"\1", expression), ""))


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"run": "drift", "base": "nosuch"}, "'drift' has no option --base; leave the input 'base' out"),
        ({"run": "drift", "all": "banana"}, "'drift' has no option --all; leave the input 'all' out"),
        ({"stage": "publish", "model": "toy"}, "'publish' has no option --model; leave the input 'model' out"),
        ({"run": "merge", "stage": "drift"}, "the input 'run' is 'merge' and 'stage' is 'drift'; set one of them"),
    ],
)
def test_an_input_of_the_root_s_action_that_goes_nowhere_is_refused(
    inputs: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root_action(monkeypatch, **inputs)
    assert run([inputs.get("run") or inputs["stage"]]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("inputs", [{"run": "drift", "all": "false"}, {"run": "merge", "base": "x", "all": "true"}])
def test_an_input_of_the_root_s_action_that_the_command_has_is_taken(
    inputs: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    root_action(monkeypatch, **inputs)
    assert run([inputs["run"]]) == 2
    assert "error: there is no mlops.yaml" in capsys.readouterr().err, "it went on to its work"


def test_a_variable_of_the_whole_job_is_for_the_steps_that_have_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLOPS_CI_BASE", "v1")
    monkeypatch.setenv("MLOPS_CI_STAGE", "production")  # somebody's own
    assert run(["drift"]) == 2
    assert "error: there is no mlops.yaml" in capsys.readouterr().err
