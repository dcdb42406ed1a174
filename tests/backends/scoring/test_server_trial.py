"""The model server before anybody meets it, started and asked with the settings that a deploy would use."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.scoring.server_trial import LocalServerTrial
from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import StageFailed
from mlops_ci.ports.scoring import ServableModel, TrialJob
from mlops_ci.ports.training import Interpreter
from mlops_ci.serving.code import copy_into
from tests.backends.toys import make_sources

pytestmark = pytest.mark.slow
PYTHON = Interpreter(path=Path(sys.executable), digest="", version="", description="the tests' own")
TRIAL = LocalServerTrial(environ=os.environ, server_code=copy_into)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that MLflow pickles."""
    return make_sources(tmp_path_factory.mktemp("models"))[0] / "model"


def refusal(model: Path, home: Path, settings: dict[str, Any], *, digest: str = "") -> str:
    job = ServableModel(
        name="toy", model_directory=model, model_digest=digest or digest_directory(model), settings=settings
    )
    return TRIAL.refusal(job, interpreter=PYTHON, cwd=home, log=home / "log")


def test_a_format_that_is_not_allowed_is_told_with_its_file(model: Path, tmp_path: Path) -> None:
    assert refusal(model, tmp_path, {"formats": ["pickle"]}) == ""
    assert refusal(model, tmp_path, {"formats": ["skops", "onnx"]}) == (
        "python_model.pkl is a pickle file, which is not allowed here; allowed formats: skops, onnx (serving.formats); "
        "save the model in one of them, or add 'pickle'"
    )


def test_what_could_not_be_looked_at_is_no_refusal(model: Path, tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="the model's files could not be checked") as caught:
        refusal(model, tmp_path, {"formats": ["pickle"]}, digest="0" * 64)
    assert f"{'0' * 64} was asked for" in caught.value.hint


def trial(model: Path, **settings: Any) -> TrialJob:
    request = {"dataframe_split": {"columns": ["x"], "data": [[0.5]]}}
    recorded = {"dataframe_split": {"columns": ["x"], "data": [[0.5], [None]]}}
    return TrialJob(
        name="toy",
        model_directory=model,
        model_digest=digest_directory(model),
        settings=settings,
        recorded=json.dumps(recorded).encode(),
        request=json.dumps(request).encode(),
        requests=5,
    )


def test_it_is_measured_as_it_will_be_served(model: Path, tmp_path: Path) -> None:
    """A request that waits for company takes as long as the settings say; and what it logs is not kept."""
    job = trial(model, batch={"max_rows": 64, "max_wait_ms": 100}, log={"rotate_rows": 1, "redact": []})
    facts = TRIAL.measure(job, interpreter=PYTHON, cwd=tmp_path, log=tmp_path / "log")
    assert facts.requests == 5
    assert facts.p50_ms >= 100
    assert not (tmp_path / "windows").exists()


def test_rows_that_the_settings_refuse_are_told_before_the_smoke_asks_for_them(model: Path, tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"answered the recorded rows with 400: .*null"):
        TRIAL.measure(trial(model, refuse_nan=True), interpreter=PYTHON, cwd=tmp_path, log=tmp_path / "log")


def test_a_server_that_does_not_start_says_why(model: Path, tmp_path: Path) -> None:
    with pytest.raises(StageFailed) as caught:
        TRIAL.measure(trial(model, formats=["onnx"]), interpreter=PYTHON, cwd=tmp_path, log=tmp_path / "log")
    assert caught.value.message.startswith("the model server did not start: python_model.pkl is a pickle file")
