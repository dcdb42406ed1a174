"""Inputs of the actions as people write them: the command line takes what is meant, and refuses the rest by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.cli.main import run


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
