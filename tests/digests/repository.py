"""A git repository that a test writes into."""

from __future__ import annotations

import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.digests.inputs import Inputs, find_inputs
from mlops_ci.digests.sources import Project
from mlops_ci.io.git import Git

PIPELINE = """\
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py, data/raw.csv]
    outs: [data/clean.csv]
  train:
    cmd: python train.py
    deps: [train.py, data/clean.csv]
    params: [depth, model.rate]
    outs: [model]
    metrics:
      - metrics.json: {cache: false}
"""


@dataclass(frozen=True)
class Repository:
    """A work tree at `root`."""

    root: Path

    @classmethod
    def create(cls, root: Path) -> Repository:
        root.mkdir(parents=True)
        made = cls(root)
        made.git("init", "-q", "-b", "main")
        return made

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.root, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, path: str, content: str | bytes = "") -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())

    def commit(self, message: str = "Change") -> str:
        self.git("add", "-A")
        self.git("commit", "-qm", message, "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def pipeline(self) -> Repository:
        """A two-stage pipeline, committed."""
        self.write("dvc.yaml", PIPELINE)
        self.write("params.yaml", "depth: 3\nmodel: {rate: 0.1, unused: 1}\n")
        self.write("prepare.py", "print('prepare')\n")
        self.write("train.py", "print('train')\n")
        self.write("data/raw.csv", "a,b\n1,2\n")
        self.write("requirements.txt", "scikit-learn==1.5\n")
        self.commit("Start")
        return self

    def project(self) -> Project:
        return Project(Git.open(self.root).working_tree())

    def inputs(self, target: str = "train", *, directory: str = "", environment: str = "") -> Inputs:
        return find_inputs(
            self.project(), directory=directory, pipeline="dvc.yaml", target=target, environment=environment
        )

    def digest(self, target: str = "train", *, directory: str = "", environment: str = "") -> str:
        return self.inputs(target, directory=directory, environment=environment).digest
