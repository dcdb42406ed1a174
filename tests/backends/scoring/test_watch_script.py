"""What watching asks a real model, in a process of its own: answers on a sample, and what each column is worth."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_ci.backends.scoring.scorer import SubprocessScorer
from mlops_ci.errors import StageFailed
from mlops_ci.ports.drift import WatchJob
from tests.stages.batches import PYTHON, rows, save_models

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, a sample, and a holdout whose label follows a and n."""
    home = tmp_path_factory.mktemp("watch")
    save_models(home)
    frame = rows(800, seed=3)
    frame["label"] = np.where(frame["a"] + frame["n"] > 4, "yes", "no")
    frame.to_parquet(home / "holdout.parquet", index=False)
    frame.drop(columns="label").head(300).to_parquet(home / "sample.parquet", index=False)
    return home


def ask(home: Path, model: str, **changed: Any) -> Mapping[str, Any]:
    job: dict[str, Any] = {
        "task": "classification",
        "label": "label",
        "positive": "yes",
        "model_directory": home / model,
        "sample": home / "sample.parquet",
        "predictions": home / f"{model}.parquet",
        "classes": ("no", "yes"),
        "holdout": home / "holdout.parquet",
        **changed,
    }
    scorer = SubprocessScorer(environ=os.environ)
    return scorer.watch(WatchJob(**job), interpreter=PYTHON, cwd=home, log=home / "log", timeout=300)


def test_a_classifier(home: Path) -> None:
    found = ask(home, "late")
    assert found["inputs"] == ["a", "n", "text"]
    assert found["predictions"] == ["prediction"]
    worth = found["importance"]
    assert worth["n"] > worth["a"] > 0.05
    assert abs(worth["text"]) < 0.05, "a column that means nothing is worth nothing"
    assert (found["loss_name"], found["whole"], found["rows"]) == ("log loss", True, 800)
    answers = pd.read_parquet(home / "late.parquet")
    assert len(answers) == 300
    assert {"prediction", "answer", "p0", "p1"} <= set(answers)
    assert ask(home, "late") == found, "the same seed, the same numbers"


def test_no_more_time_than_is_given(home: Path) -> None:
    found = ask(home, "late", seconds=0.0)
    assert found["whole"] is False
    assert [name for name, value in found["importance"].items() if value is not None] == ["a"]


def test_several_answers_have_a_name_each(home: Path) -> None:
    found = ask(home, "band", task="regression", holdout=None, classes=(), positive="")
    assert found["predictions"] == ["prediction_high", "prediction_low"]
    assert "importance" not in found


def test_a_model_that_fails_is_told(home: Path) -> None:
    frame = pd.read_parquet(home / "sample.parquet").assign(a=2000.0)
    frame.to_parquet(home / "far.parquet", index=False)
    with pytest.raises(StageFailed, match="that is far too much"):
        ask(home, "band", task="regression", holdout=None, classes=(), positive="", sample=home / "far.parquet")
