"""`mlops-ci retrain` where there is nothing, or nothing sound, to go by."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.cli.main import run
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.results import StageResult, Status
from tests.digests.repository import Repository

CONFIG = "version: 1\nmodels:\n  toy:\n    drift: {current: 'production/*.csv'}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repository = Repository.create(tmp_path / "r")
    repository.write("mlops.yaml", CONFIG)
    repository.write("dvc.yaml", "stages:\n  train: {cmd: python train.py, outs: [model]}\n")
    repository.write("requirements.txt", "scikit-learn==1.5\n")
    repository.commit()
    monkeypatch.chdir(repository.root)
    return repository.root


def test_nothing_is_watched(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "mlops.yaml").write_text(CONFIG.partition("    drift")[0].replace("toy:", "toy: {}"))
    assert run(["retrain"]) == 0
    assert "nothing is watched" in capsys.readouterr().out


def test_without_a_drift_result_nothing_is_done(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["retrain"]) == 0
    assert "there is no drift result to go by: mlops-ci drift" in capsys.readouterr().out
    red = StageResult(stage="drift", model="toy", status=Status.ERROR, reason="the source is down")
    Workspace(home).write_result(red)
    assert run(["retrain"]) == 0
    assert "the source is down" in capsys.readouterr().out


def test_a_drift_result_of_another_version_names_the_cure(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = StageResult(stage="drift", model="toy", status=Status.FAILED, details={"signal": 1})
    Workspace(home).write_result(odd)
    assert run(["retrain"]) == 3
    out = capsys.readouterr().out
    assert "the drift result is not one of this version" in out
    assert "mlops-ci drift --model toy" in out
