"""From a script and two tables to a judged first model, by two commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.e2e.person import Person
from tests.e2e.toy import rows

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
TRAIN = """\
import json, warnings
from pathlib import Path

import mlflow.sklearn
import pandas as pd
from sklearn.linear_model import LogisticRegression

warnings.simplefilter("ignore")
DATA = Path("data")
data = pd.read_csv(DATA / "train.csv")
model = LogisticRegression().fit(data[["a", "b"]], data["label"])
Path("metrics.json").write_text(json.dumps({"rows": len(data)}))
mlflow.sklearn.save_model(model, "model", serialization_format="cloudpickle", pip_requirements=["scikit-learn"])
"""


def test_a_plain_script_becomes_a_judged_model(tmp_path: Path) -> None:
    person = Person(tmp_path / "churn")
    person.home.mkdir()
    person.git("init", "-q", "-b", "main")
    person.write("train.py", TRAIN)
    person.write("data/train.csv", rows(600, seed=1))
    person.write("data/test.csv", rows(600, seed=2))
    person.git("add", "-A")
    person.git("commit", "-qm", "Start")
    person.mlops("init", "--yes", "--environment", sys.executable)
    person.branch("setup")
    person.git("add", "-A")
    person.git("commit", "-qm", "Judge models in pull requests")
    said = person.mlops("pull-request")
    assert "churn: FIRST: roc_auc" in said
    judged = person.result("churn", "evaluate")
    assert judged["status"] == "passed"
    assert json.dumps(judged).count("roc_auc >= 0.5")
    assert not [line for line in person.git("status", "--porcelain").splitlines() if "model/" in line]
