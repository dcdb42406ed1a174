"""Models that take tensors: scored on a table's columns, and smoked as they were scored."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_ci.backends.scoring import score_script
from mlops_ci.backends.scoring.scorer import SubprocessScorer
from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import GateFailed, StageFailed
from mlops_ci.ports.scoring import ScoringJob
from mlops_ci.ports.training import Interpreter
from mlops_ci.serving.question import UNNAMED
from mlops_ci.serving.signature import read_signature
from mlops_ci.serving.v1 import read_v1
from mlops_ci.stages.smoke import smoke
from tests.serving.servers import Running, launch
from tests.stages.batches import Desk

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
PYTHON = Interpreter(path=Path(sys.executable), digest="", version="", description="the tests' own")
ROWS = 40
CODE = """\
import mlflow

class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        {body}

mlflow.models.set_model(Model())
"""
BODIES = {
    "named": "return model_input['a'].sum(axis=1) + model_input['b'].sum(axis=(1, 2)) * model_input['n']",
    "alone": "return model_input.sum(axis=1)",
}


def data() -> pd.DataFrame:
    """A tensor of three numbers, one of two times two, a number; and the answer."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": list(random.normal(size=(ROWS, 3)))})
    frame["b"] = [item.tolist() for item in random.normal(size=(ROWS, 2, 2))]
    frame["n"] = random.integers(0, 9, ROWS)
    frame["minutes"] = random.normal(size=ROWS)
    return frame


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A holdout and two models: `named` takes three tensors by name, `alone` takes one without."""
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    home = tmp_path_factory.mktemp("tensors")
    narrow: Any = [[1.0, 2.0]] * ROWS
    data().to_parquet(home / "holdout.parquet")
    data()[["a", "minutes"]].to_parquet(home / "alone.parquet")
    data().assign(a=narrow).to_parquet(home / "narrow.parquet")
    named = [TensorSpec(np.dtype("float32"), (-1, 3), "a"), TensorSpec(np.dtype("float64"), (-1, 2, 2), "b")]
    schemas = {
        "named": Schema([*named, TensorSpec(np.dtype("int64"), (-1,), "n")]),
        "alone": Schema([TensorSpec(np.dtype("float64"), (-1, 3))]),
    }
    for name, inputs in schemas.items():
        (home / f"{name}.py").write_text(CODE.format(body=BODIES[name]))
        mlflow.pyfunc.save_model(
            home / name,
            python_model=str(home / f"{name}.py"),
            signature=ModelSignature(inputs=inputs),
            pip_requirements=[],
        )
    return home


def score(place: Path, into: Path, model: str, file: str) -> Any:
    """The recorded smoke, from scoring a model."""
    job = ScoringJob(
        model_directory=place / model,
        data=place / file,
        label="minutes",
        group="",
        task="regression",
        classes=(),
        positive="",
        predictions=into / "p.parquet",
        smoke=into / "smoke.json",
    )
    (into / "empty").mkdir(exist_ok=True)
    SubprocessScorer(environ=os.environ).score(
        job, interpreter=PYTHON, cwd=into / "empty", log=into / "log", timeout=120
    )
    return json.loads(job.smoke.read_text())


@pytest.fixture
def server(place: Path, tmp_path: Path) -> Iterator[Running]:
    running = launch(tmp_path / "server", place / "named", "named")
    try:
        yield running.started()
    finally:
        running.process.kill()
        running.process.wait()


def test_its_server_answers_the_rows_that_were_recorded(server: Running, place: Path, tmp_path: Path) -> None:
    recorded = score(place, tmp_path, "named", "holdout.parquet")
    frame = data().head(8)
    a, b = np.array(frame["a"].tolist()), np.array(frame["b"].tolist())
    wanted = a.sum(axis=1) + b.sum(axis=(1, 2)) * frame["n"]
    assert recorded["predictions"] == pytest.approx(list(wanted), abs=1e-5)
    url, digest = f"http://127.0.0.1:{server.port}", digest_directory(place / "named")
    assert smoke(url, name="named", digest=digest, rows=tmp_path / "smoke.json") == 8
    recorded["predictions"][0] *= 1 + 1e-4
    (tmp_path / "smoke.json").write_text(json.dumps(recorded))
    with pytest.raises(
        GateFailed, match=r"row 0 .* off by less than 0.01 of its size, and smoke.tolerance allows 1e-06"
    ):
        smoke(url, name="named", digest=digest, rows=tmp_path / "smoke.json")
    assert smoke(url, name="named", digest=digest, rows=tmp_path / "smoke.json", tolerance=1e-3) == 8


def test_a_tensor_without_a_name_is_recorded_as_the_server_takes_it(place: Path, tmp_path: Path) -> None:
    from mlflow.models import Model

    recorded = score(place, tmp_path, "alone", "alone.parquet")
    signature = read_signature(Model.load(str(place / "alone")))
    question = read_v1(recorded["request"], signature, refuse_null=True)
    assert question.columns[UNNAMED].sum(axis=1) == pytest.approx(recorded["predictions"])
    assert question.rows == 8


@pytest.mark.parametrize(("width", "rows"), [(10, 8), (10_000, 4), (60_000, 1)])
def test_fewer_rows_are_recorded_of_what_is_large(tmp_path: Path, width: int, rows: int) -> None:
    wide = SimpleNamespace(predict=lambda frame: frame.sum(axis=1).to_numpy())
    model = score_script.beside("model_answers").Pyfunc(wide, None, [])
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(8, width)))
    score_script.record_smoke(str(tmp_path / "smoke.json"), model, frame)
    recorded = json.loads((tmp_path / "smoke.json").read_text())
    assert (len(recorded["request"]["dataframe_split"]["data"]), len(recorded["predictions"])) == (rows, rows)


def test_a_column_that_is_no_such_tensor(place: Path, tmp_path: Path) -> None:
    with pytest.raises(
        StageFailed, match=r"'a' can't be a tensor of float32 and shape \[-1, 3\], .*: it is of shape \[40, 2\]"
    ):
        score(place, tmp_path, "named", "narrow.parquet")


def test_many_rows_are_scored_as_few(place: Path, tmp_path: Path) -> None:
    data().to_parquet(tmp_path / "rows.parquet")
    Desk(models=place, home=tmp_path).score("named", "rows.parquet", "out.parquet")
    frame = data()
    a, b = np.array(frame["a"].tolist()), np.array(frame["b"].tolist())
    wanted = a.sum(axis=1) + b.sum(axis=(1, 2)) * frame["n"]
    assert pd.read_parquet(tmp_path / "out.parquet")["prediction"].to_numpy() == pytest.approx(wanted, abs=1e-5)
