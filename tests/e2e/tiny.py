"""A model repository so small that DVC is the slow part: real DVC, real MLflow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.person import Person

TRAIN = """\
import json, pathlib
value = json.loads(pathlib.Path("params.json").read_text())["value"]
pathlib.Path("model").mkdir(exist_ok=True)
pathlib.Path("model/MLmodel").write_text("flavors: {python_function: {loader_module: toy}}\\n")
pathlib.Path("model/weights").write_text(str(value))
pathlib.Path("metrics.json").write_text(json.dumps({"loss": value}))
"""
DVC = """\
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [{params.json: [value]}]
    outs: [model]
    metrics: [{metrics.json: {cache: false}}]
"""
PREPARE = "import pathlib\npathlib.Path('rows.csv').write_text(pathlib.Path('d.csv').read_text() * 2)\n"
WITH_DATA = (
    DVC.replace("deps: [train.py]", "deps: [train.py, rows.csv]")
    + """\
  prepare:
    cmd: python prepare.py
    deps: [prepare.py, d.csv]
    outs: [rows.csv]
"""
)
CONFIG = 'version: 1\nmodels:\n  toy:\n    train: {{environment: "{python}"}}\n'


@pytest.fixture
def tiny(tmp_path: Path) -> Person:
    """One stage, its parameters, no data."""
    person = Person(tmp_path / "tiny")
    person.home.mkdir()
    person.git("init", "-q", "-b", "main")
    person.write(".dvc/config", "")
    person.write("train.py", TRAIN)
    person.write("params.json", '{"value": 1}')
    person.write("dvc.yaml", DVC)
    person.write("mlops.yaml", CONFIG.format(python=sys.executable))
    person.write(".gitignore", "/model\n")
    person.git("add", "-A")
    person.git("commit", "-qm", "Start")
    return person


@pytest.fixture
def stocked(tiny: Person) -> Person:
    """Two stages on a file that DVC keeps, and a remote beside the repository that has it."""
    tiny.write(".dvc/config", remote(tiny.home.parent / "remote"))
    tiny.write("dvc.yaml", WITH_DATA)
    tiny.write("prepare.py", PREPARE)
    tiny.write("d.csv", "1\n")
    dvc(tiny, "add", "-q", "d.csv")
    dvc(tiny, "push", "-q")
    tiny.git("add", "-A")
    tiny.git("commit", "-qm", "Bring data")
    return tiny


def remote(folder: Path) -> str:
    """DVC's settings with a folder as the default remote."""
    return f"[core]\n    remote = shelf\n['remote \"shelf\"']\n    url = {folder}\n"


def dvc(person: Person, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *words], cwd=person.home, check=True)


def clone(person: Person, name: str) -> Person:
    """Another machine's checkout: no cache, no runs."""
    there = person.home.parent / name
    person.git("clone", "-q", str(person.home), str(there))
    return Person(there, person.environ)


def train(person: Person, *words: str, expect: int = 0) -> str:
    return person.mlops("train", "--model", "toy", *words, expect=expect)


def details(person: Person) -> dict[str, Any]:
    found: dict[str, Any] = person.result("toy", "train")["details"]
    return found


def actions(person: Person) -> dict[str, str]:
    """What happened to each stage in the last training."""
    return {stage["name"]: stage["action"] for stage in details(person)["stages"]}


def rewrite(person: Person, path: str, old: str, new: str) -> None:
    text = (person.home / path).read_text()
    assert old in text
    person.write(path, text.replace(old, new))


def missing_object(person: Person, folder: Path, content: str) -> None:
    """Take one file's content out of a remote."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.read_text() == content]
    assert found, json.dumps(sorted(str(path) for path in folder.rglob("*")))
    for path in found:
        path.chmod(0o600)
        path.unlink()
