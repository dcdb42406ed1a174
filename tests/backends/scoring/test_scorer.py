"""Real models, saved by MLflow and scored in a Python of their own, well-behaved and otherwise."""

from __future__ import annotations

import decimal
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlops_ci.backends.data.holdouts import FileHoldouts
from mlops_ci.backends.scoring.scorer import SubprocessScorer
from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import StageFailed
from mlops_ci.ports.holdouts import HoldoutColumns
from mlops_ci.ports.scoring import Asked, MeasuringJob, ScoringJob
from mlops_ci.ports.training import Interpreter

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
ROWS = 120
PYTHON = Interpreter(path=Path(sys.executable), digest="", version="", description="the tests' own")
LATE = Asked(task="classification", label="late", positive="yes")
CODE = """\
import mlflow

class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        {body}

mlflow.models.set_model(Model())
"""
BEHAVIOUR = {
    "raises": "raise KeyError('carrier ünknown')",
    "hangs": "import threading; threading.Event().wait()",
    "prints": "[print('x' * 999) for _ in range(30_000)]; return [0.5] * len(model_input)",
    "lonely": "import features_of_this_repository",
    "few": "return [0.5] * (len(model_input) - 1)",
    "nan": "return [float('nan')] * len(model_input)",
    "dies": "import os; os.kill(os.getpid(), 9)",
    "quits": "import os; os._exit(7)",
    "half": "return [0.5] * len(model_input)",
    "exact": "import decimal; return [decimal.Decimal('0.5')] * len(model_input)",
}


def data(rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a b": random.normal(size=rows), "ünï": random.integers(0, 5, rows)})
    frame["late"] = np.where(frame["a b"] + random.normal(size=rows) > 0, "yes", "no")
    frame["minutes"] = 3 * frame["a b"] + random.normal(size=rows)
    return frame


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a holdout and saved models."""
    import mlflow.pyfunc
    import mlflow.sklearn
    from mlflow.models import infer_signature

    home = tmp_path_factory.mktemp("scorer")
    frame = data()
    frame.to_parquet(home / "holdout.parquet")
    frame.to_csv(home / "holdout.csv", index=False)
    features = frame[["a b", "ünï"]]
    signature = infer_signature(features.astype("float64"))
    kinds = {"classifier": LogisticRegression().fit(features, frame["late"])}
    kinds["regressor"] = LinearRegression().fit(features, frame["minutes"])
    options: dict[str, Any] = {"serialization_format": "cloudpickle", "pip_requirements": ["scikit-learn"]}
    for name, model in kinds.items():
        mlflow.sklearn.save_model(model, home / name, signature=signature, **options)
    renamed = LogisticRegression().fit(features.rename(columns={"ünï": "gone"}), frame["late"])
    mlflow.sklearn.save_model(renamed, home / "renamed", **options)
    for name, body in BEHAVIOUR.items():
        (home / f"{name}.py").write_text(CODE.format(body=body))
        mlflow.pyfunc.save_model(home / name, python_model=str(home / f"{name}.py"), pip_requirements=[])
    (home / "own_costs.py").write_text("import os\n\ndef cost(y_true, y_score):\n    return 1 / (len(y_true) - 120)\n")
    return home


Score = Callable[..., Any]


@pytest.fixture
def score(place: Path, tmp_path: Path) -> Score:
    """Score one of the models; gives the summary, and leaves predictions in tmp_path."""

    def run(model: str, *, file: str = "holdout.parquet", label: str = "late", timeout: float = 120.0) -> Any:
        job = ScoringJob(
            model_directory=place / model,
            data=place / file,
            label=label,
            group="",
            task="classification" if label == "late" else "regression",
            classes=("no", "yes") if label == "late" else (),
            positive="yes" if label == "late" else "",
            predictions=tmp_path / "p.parquet",
            smoke=tmp_path / "smoke.json",
        )
        empty = tmp_path / "empty"
        empty.mkdir(exist_ok=True)
        scorer = SubprocessScorer(environ=os.environ)
        return scorer.score(job, interpreter=PYTHON, cwd=empty, log=tmp_path / "score.log", timeout=timeout)

    return run


@pytest.mark.parametrize("file", ["holdout.parquet", "holdout.csv"])
def test_a_classifier_is_scored_as_it_would_score_itself(place: Path, tmp_path: Path, score: Score, file: str) -> None:
    import mlflow.sklearn

    before = digest_directory(place / "classifier")
    summary = score("classifier", file=file)
    assert summary["rows"] == ROWS
    assert summary["classes"] == ["no", "yes"]
    assert summary["python"] == sys.version.split()[0]
    assert summary["row_milliseconds"] > 0
    assert {"mlflow", "pandas", "sklearn"} <= set(summary["libraries"])
    holdout = FileHoldouts().read(place / file, HoldoutColumns(label="late"), task="classification")
    found = FileHoldouts().predictions(tmp_path / "p.parquet", holdout, asked=LATE)
    model = mlflow.sklearn.load_model(str(place / "classifier"))
    features = data()[["a b", "ünï"]].astype("float64")
    assert found.probability is not None
    assert found.probability["yes"] == pytest.approx(model.predict_proba(features)[:, 1])
    assert [found.prediction.names[code] for code in found.prediction.codes] == list(model.predict(features))
    smoke = json.loads((tmp_path / "smoke.json").read_text())
    assert smoke["request"]["dataframe_split"]["columns"] == ["a b", "ünï"]
    assert smoke["request"]["dataframe_split"]["data"] == features.head(8).to_numpy().tolist()
    assert smoke["predictions"] == list(model.predict(features.head(8)))
    assert digest_directory(place / "classifier") == before, "scoring leaves the model as it is"
    assert not list((tmp_path / "empty").iterdir()), "and writes nothing into its folder"


def test_a_regressor_is_scored(place: Path, tmp_path: Path, score: Score) -> None:
    score("regressor", label="minutes")
    holdout = FileHoldouts().read(place / "holdout.parquet", HoldoutColumns(label="minutes"), task="regression")
    found = FileHoldouts().predictions(
        tmp_path / "p.parquet", holdout, asked=replace(LATE, task="regression", label="minutes", positive="")
    )
    assert np.corrcoef(found.prediction, data()["minutes"])[0, 1] > 0.9


def test_an_answer_that_json_can_not_hold_leaves_the_smoke_without_rows(tmp_path: Path, score: Score) -> None:
    assert score("exact", label="minutes")["rows"] == ROWS
    assert not (tmp_path / "smoke.json").exists()
    assert "no rows for the smoke: Object of type Decimal" in (tmp_path / "score.log").read_text()


def test_a_row_that_json_can_not_hold_leaves_the_smoke_without_rows(place: Path, tmp_path: Path, score: Score) -> None:
    prices: Any = [decimal.Decimal("1.5")] * ROWS
    data().assign(price=prices).to_parquet(place / "priced.parquet")
    assert score("half", label="minutes", file="priced.parquet")["rows"] == ROWS
    assert not (tmp_path / "smoke.json").exists()


def test_a_column_the_holdout_lacks_is_named(score: Score) -> None:
    with pytest.raises(StageFailed, match="needs the column 'gone', which the holdout lacks"):
        score("renamed")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("raises", r"KeyError: 'carrier ünknown' \(raises\.py:5\)"),
        ("few", "gave 119 predictions for 120 rows"),
        ("dies", "was ended by SIGKILL; was memory short"),
        ("quits", "ended with exit code 7"),
    ],
)
def test_a_failing_model_is_told_in_one_line(tmp_path: Path, score: Score, model: str, words: str) -> None:
    with pytest.raises(StageFailed, match=words) as caught:
        score(model)
    assert caught.value.exit_code == 3
    assert str(tmp_path / "score.log") in caught.value.hint
    assert not (tmp_path / "p.parquet").exists()
    assert ("Traceback" in (tmp_path / "score.log").read_text()) == (model == "raises")


def test_a_model_that_needs_the_repository_is_told_how_to_take_it_along(score: Score) -> None:
    """It is judged as it will be served: alone."""
    with pytest.raises(StageFailed, match="No module named 'features_of_this_repository'") as caught:
        score("lonely")
    assert "code_paths" in caught.value.hint


def test_a_hanging_model_is_ended(score: Score) -> None:
    with pytest.raises(StageFailed, match="did not end within 3 s"):
        score("hangs", timeout=3.0)


def test_megabytes_of_output_go_to_the_log_and_no_further(tmp_path: Path, score: Score) -> None:
    assert score("prints")["rows"] == ROWS
    assert (tmp_path / "score.log").stat().st_size < 20 * 1024 * 1024


def test_nan_is_found_by_the_reader(place: Path, tmp_path: Path, score: Score) -> None:
    score("nan")
    holdout = FileHoldouts().read(place / "holdout.parquet", HoldoutColumns(label="late"), task="classification")
    with pytest.raises(StageFailed, match="NaN or infinity for 120 of 120 rows"):
        FileHoldouts().predictions(tmp_path / "p.parquet", holdout, asked=LATE)


def test_a_metric_that_fails_is_told_with_its_line(place: Path, tmp_path: Path) -> None:
    pd.DataFrame({"prediction": ["yes"] * ROWS}).to_parquet(tmp_path / "p.parquet")
    job = MeasuringJob(
        data=place / "holdout.parquet",
        label="late",
        group="",
        task="classification",
        classes=("no", "yes"),
        positive="yes",
        functions={"cost": "own_costs:cost"},
        modules=place,
        predictions={"candidate": tmp_path / "p.parquet"},
        seed=0,
        replicates=3,
    )
    with pytest.raises(
        StageFailed, match=r"can't be measured: ZeroDivisionError: division by zero \(own_costs\.py:4\)"
    ):
        SubprocessScorer(environ=os.environ).measure(
            job, interpreter=PYTHON, cwd=place, log=tmp_path / "m.log", timeout=60
        )
