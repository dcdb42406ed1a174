"""The command around the stage: what it says where there is nothing to judge."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.e2e.person import Person

CONFIG = """\
version: 1
models:
  toy:
    train: {{target: train, environment: "{python}"}}
{evaluate}
"""
EVALUATE = """\
    evaluate:
      holdout: holdout.csv
      label: label
      metrics: [roc_auc]
      gates: [{metric: roc_auc, min: 0.6}]
"""
DVC = """\
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    outs: [model]
    metrics: [metrics.json]
"""


@pytest.fixture
def person(tmp_path: Path) -> Person:
    someone = Person(tmp_path)
    someone.git("init", "-q", "-b", "main")
    someone.write("dvc.yaml", DVC)
    someone.write("train.py", "")
    someone.write("holdout.csv", "a,label\n1,0\n2,1\n")
    return someone


def test_a_model_without_rules_is_skipped_and_says_so(person: Person) -> None:
    person.write("mlops.yaml", CONFIG.format(python=sys.executable, evaluate=""))
    person.commit("Start")
    said = person.mlops("evaluate", "--model", "toy", "--json")
    result = json.loads(said[said.index("[") : said.rindex("]") + 1])[0]
    assert (result["stage"], result["status"]) == ("evaluate", "skipped")
    assert result["reason"]


def test_a_model_that_was_not_trained_is_told_what_to_do(person: Person) -> None:
    person.write("mlops.yaml", CONFIG.format(python=sys.executable, evaluate=EVALUATE))
    person.commit("Start")
    said = person.mlops("evaluate", "--model", "toy", expect=3)
    assert "no model was trained with these inputs" in said
    assert "mlops-ci train --model toy" in said
    assert person.result("toy", "evaluate")["status"] == "error"


def test_nothing_heavy_is_imported_to_find_that_out(person: Person) -> None:
    """The base install has neither numpy nor pandas."""
    person.write("mlops.yaml", CONFIG.format(python=sys.executable, evaluate=""))
    person.commit("Start")
    person.write(
        "sitecustomize.py", "import sys\nfor name in ('numpy', 'pandas', 'mlflow'):\n    sys.modules[name] = None\n"
    )
    heavy = Person(person.home, environ={"PYTHONPATH": str(person.home)})
    heavy.mlops("evaluate", "--model", "toy")


def test_a_missing_library_is_named_with_its_extra(person: Person) -> None:
    person.write("mlops.yaml", CONFIG.format(python=sys.executable, evaluate=EVALUATE))
    person.commit("Start")
    person.write("sitecustomize.py", "import sys\nsys.modules['numpy'] = None\n")
    without = Person(person.home, environ={"PYTHONPATH": str(person.home)})
    said = without.mlops("evaluate", "--model", "toy", expect=2)
    assert "this command needs the 'evaluate' extra" in said
    assert "pip install 'mlops-ci[evaluate]'" in said
