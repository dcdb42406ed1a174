"""Somebody at the command line of a model repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Person:
    """Somebody with a checkout and a shell."""

    home: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def git(self, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=self.home, check=True, capture_output=True, text=True).stdout.strip()

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mlops_ci", *words],
            cwd=self.home,
            env={**os.environ, **self.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def mlops(self, *words: str, expect: int = 0) -> str:
        """Run the command line and return everything it printed; its exit code must be `expect`."""
        child = self.start(*words)
        out, err = child.communicate(timeout=300)
        assert child.returncode == expect, f"exit {child.returncode}, expected {expect}\n{out}\n{err}"
        assert "mlops_ci/cli/main.py" not in out + err, "a traceback of ours"
        return out + err

    def write(self, path: str, content: str) -> None:
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, "utf-8")

    def commit(self, message: str) -> None:
        """Everything but what the pipeline wrote: a candidate's identity needs no dvc.lock in git."""
        self.git("add", "-A", ".", ":!dvc.lock", ":!metrics.json", ":!.dvc")
        self.git("commit", "-qm", message)

    def branch(self, name: str) -> None:
        self.git("checkout", "-qb", name)

    def merge(self, name: str) -> None:
        """Squash, as most teams do."""
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", "--squash", name)
        self.git("commit", "-qm", f"Merge {name}")

    def result(self, model: str, stage: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.home / f".mlops/results/{model}/{stage}.json").read_text())
        return document

    def runs(self) -> list[Any]:
        """The complete MLflow runs of the repository's store."""
        if not (self.home / ".mlops/mlflow.db").exists():
            return []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow's own, about SQLAlchemy
            import mlflow

            client = mlflow.MlflowClient(f"sqlite:///{self.home}/.mlops/mlflow.db")
            experiments = [item.experiment_id for item in client.search_experiments()]
            return [run for run in client.search_runs(experiments) if run.data.tags.get("mlops_ci.complete") == "1"]
