"""What `mlops-ci init` writes into repositories of five kinds, as workflows for the checkers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.cli.main import run
from tests.cli.test_init import PIN, PIPELINE, PLAIN, ROWS, SAVING
from tests.runner.checkers import Tree

PARAMETERS = {"params.yaml": "depth: 3\n", "raw.csv": ROWS, "prepare.py": "print()\n", "train.py": SAVING}
CONFIG = """\
version: 1
models:
  churn:
    train: {target: fit-model}
    build: {image: ghcr.io/acme/churn}
    environments:
      staging: {target: local}
      production: {target: docker}
    drift: {current: data/production/*.parquet}
"""
PIPED = {**PARAMETERS, "dvc.yaml": PIPELINE}
# Name → (default branch, files): a script alone; a pipeline; all the workflows there are; files of the same names
# that are somebody's own, on a branch that YAML has to quote; two models, each in a folder.
KINDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "script": ("main", PLAIN),
    "pipeline": ("trunk", PIPED),
    "everything": ("release/2.0", {**PIPED, "mlops.yaml": CONFIG}),
    "taken": ("#1", {**PLAIN, **dict.fromkeys((f".github/workflows/{name}.yml" for name in ("merge", "publish")), "")}),
    "two": ("main", {f"{name}/{path}": text for name in ("churn", "price") for path, text in PLAIN.items()}),
}
ALL = {"pull-request", "publish", "merge", "promote", "reconcile", "drift"}


def add(tree: Tree, folder: Path) -> Tree:
    """The tree with what init has written for each kind, called after it."""
    added = []
    for kind, (branch, files) in KINDS.items():
        for path in written(folder / kind, branch, files):
            name = f".github/workflows/{kind}-{path.name}"
            shutil.copy(path, tree.root / name)
            added.append(name)
    return replace(tree, workflows=[*tree.workflows, *added])


def written(home: Path, branch: str, files: Mapping[str, str]) -> list[Path]:
    """The workflows that init writes into a repository with these files."""
    for path, text in files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    for words in (["init", "-q", "-b", branch], ["add", "-A"], ["commit", "-qm", "Start"]):
        subprocess.run(["git", *words], cwd=home, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        assert run(["init", "--yes", "--pin", PIN]) == 0
    return sorted(path for path in (home / ".github/workflows").iterdir() if path.read_text())
