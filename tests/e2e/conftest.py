"""A small but whole model repository, and a person at its command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.person import Person

TRAIN = """\
import json, pathlib, warnings
import mlflow.sklearn, pandas, yaml
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

warnings.simplefilter("ignore")
params = yaml.safe_load(pathlib.Path("params.yaml").read_text())
data = pandas.read_csv("data/train.csv")
model = LogisticRegression(C=params["C"]).fit(data[params["features"]], data["label"])
scores = model.predict_proba(data[params["features"]])[:, 1]
pathlib.Path("metrics.json").write_text(json.dumps({"train_auc": roc_auc_score(data["label"], scores)}))
signature = ModelSignature(inputs=Schema([ColSpec("double", name) for name in params["features"]]))
mlflow.sklearn.save_model(
    model, "model", signature=signature, serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
)
"""

DVC = """\
stages:
  train:
    cmd: python train.py
    deps: [data/train.csv, train.py]
    params: [C, features]
    outs: [model]
    metrics:
      - metrics.json: {cache: false}
"""

SUITE = {
    "name": "rows",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "b", "min_value": -10, "max_value": 10}},
    ],
    "meta": {},
}


def config(python: str, **gates: float) -> str:
    """The toy's mlops.yaml."""
    return f"""\
version: 1
models:
  toy:
    task: classification
    validate:
      - {{data: data/train.csv, suite: expectations/rows.json}}
    train: {{target: train, environment: "{python}"}}
    evaluate:
      holdout: data/holdout.csv
      label: label
      metrics: [roc_auc, log_loss]
      gates:
        - {{metric: roc_auc, min: {gates.get("least", 0.6)}}}
        - {{metric: roc_auc, against: production, margin: 0.01, require: non-inferior}}
      slices: [{{by: c, metric: roc_auc, max_drop: 0.1, min_rows: 100}}]
      first_model: allow
    environments:
      production: {{target: local}}
"""


def rows(count: int, seed: int) -> str:
    """Seeded data in CSV: the label follows a and b, c is a small category."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, count))
    c = random.integers(0, 3, count)
    label = (a + 2 * b + random.normal(size=count) > 0).astype(int)
    lines = [f"{a[i]:.6f},{b[i]:.6f},{c[i]},{label[i]}" for i in range(count)]
    return "\n".join(["a,b,c,label", *lines, ""])


@pytest.fixture
def toy(tmp_path: Path) -> Person:
    """A repository whose main branch has a README, on a branch that brings the first model."""
    return planted(tmp_path / "toy")


def planted(home: Path) -> Person:
    """The toy, in a folder of one's choice."""
    person = Person(home)
    person.home.mkdir()
    person.git("init", "-q", "-b", "main")
    person.write("README.md", "# toy\n")
    person.commit("Start")
    person.branch("first")
    person.write(".dvc/config", "")
    person.write(".gitignore", "/model\n")
    person.write("train.py", TRAIN)
    person.write("dvc.yaml", DVC)
    person.write("params.yaml", "C: 1.0\nfeatures: [a]\n")
    person.write("data/train.csv", rows(1500, seed=1))
    person.write("data/holdout.csv", rows(1500, seed=2))
    person.write("expectations/rows.json", json.dumps(SUITE, indent=2))
    person.write("mlops.yaml", config(sys.executable))
    person.git("add", "-A")
    person.commit("Bring the first model")
    return person


CROWN = """\
import os, sys
from pathlib import Path
from mlops_ci.cli import wiring
from mlops_ci.config.load import load

name, digest = sys.argv[1:]
registry = wiring.registry(load(Path("mlops.yaml"), os.environ))
version = registry.version_of(name, digest)
assert version is not None
registry.point(name, "production", version)
"""


@pytest.fixture
def crown() -> Callable[[Person, str], None]:
    """Register what was judged and make it production's champion, as the merge loop will."""

    def register_and_point(person: Person, model: str) -> None:
        person.mlops("register", "--model", model)
        digest = person.result(model, "register")["details"]["model_digest"]
        subprocess.run([sys.executable, "-c", CROWN, model, digest], cwd=person.home, check=True)

    return register_and_point
