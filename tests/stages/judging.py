"""A laboratory for the evaluate stage: real models, a real MLflow on SQLite, real scoring in a Python of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlops_ci.backends.data.holdouts import FileHoldouts
from mlops_ci.backends.mlflow.registry import MlflowRegistry
from mlops_ci.backends.mlflow.tracker import MlflowTracker
from mlops_ci.backends.scoring.scorer import SubprocessScorer
from mlops_ci.backends.scoring.server_trial import LocalServerTrial
from mlops_ci.backends.uv_environments import UvEnvironments
from mlops_ci.config.types import Evaluate, Gate, MetricSpec, Model, Train
from mlops_ci.digests.directory import digest_directory, digest_file
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.tracking import TrainedModel
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.codec import decode
from mlops_ci.records.evaluation import EvaluationDetails
from mlops_ci.records.models import Candidate
from mlops_ci.records.results import Check, StageResult
from mlops_ci.serving.code import copy_into
from mlops_ci.stages.evaluate import Question, evaluate
from mlops_ci.stages.scoring import Bench
from mlops_ci.stages.served import Trial

ROWS = 1500
TODAY = date(2026, 3, 1)
URI = "sqlite:///.mlops/mlflow.db"


def rows(seed: int, count: int = ROWS) -> pd.DataFrame:
    """The label follows a and, twice as much, b; c is a small category; minutes is a number that follows both."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": random.normal(size=count), "b": random.normal(size=count)})
    frame["c"] = random.choice(["x", "y", "z"], count)
    score = frame["a"] + 2 * frame["b"] + random.normal(size=count)
    frame["label"] = (score > 0).astype(int)
    frame["kind"] = np.select([score < -1, score < 1], ["low", "middle"], "high")
    frame["minutes"] = score
    return frame


@dataclass(frozen=True, kw_only=True)
class Lab:
    """`root` holds data/, the saved models below models/, and `.mlops`. `said` is what the stage said."""

    root: Path
    said: list[str] = field(default_factory=list)

    @property
    def tracker(self) -> MlflowTracker:
        return MlflowTracker(root=self.root, uri=URI)

    @property
    def registry(self) -> MlflowRegistry:
        return MlflowRegistry(root=self.root, uri=URI, registry_uri=URI)

    @property
    def bench(self) -> Bench:
        return Bench(
            root=self.root,
            tracker=self.tracker,
            environments=UvEnvironments(cache=self.root / "cache", environ=os.environ),
            scorer=SubprocessScorer(environ=os.environ),
            holdouts=FileHoldouts(),
            workspace=Workspace(self.root),
        )

    def model(self, name: str, *, task: str = "classification", **keys: Any) -> Model:
        """A model whose config says `keys` below `evaluate` (and `train_data`, `overrides`, `redact`; `served` is what
        it says below `serving`, which is a key below `evaluate`, too)."""
        ours: dict[str, Any] = {
            "holdout": "data/holdout.parquet",
            "label": "label",
            "metrics": (MetricSpec(name="roc_auc"), MetricSpec(name="log_loss")),
            "gates": (
                Gate(metric="roc_auc", min=0.6),
                Gate(metric="roc_auc", against="production", margin=0.01),
            ),
        }
        train = Train(model="models/none", data=keys.pop("train_data", ("data/train.parquet",)))
        above = {key: keys.pop(key) for key in ("overrides", "redact", "environments") if key in keys}
        served: dict[str, Any] = keys.pop("served", {})
        evaluate = Evaluate(**{**ours, **keys})
        return Model(name=name, root=self.root, task=task, train=train, evaluate=evaluate, serving=served, **above)

    def train(self, name: str, saved: str, *, stored: bool = True, **changes: Any) -> Candidate:
        """A run with a saved model, with its predictions on the usual holdout unless `stored` is false."""
        described = self.root / "environment.json"
        described.write_text(json.dumps({"files": [], "spec": sys.executable, "python": "3.11.7"}))
        directory = self.root / "models" / saved
        kept = {"environment/environment.json": described}
        if stored:
            kept[f"predictions/{self.holdout_digest}.parquet"] = self.root / "predictions" / f"{saved}.parquet"
        ours: dict[str, Any] = {
            "model": name,
            "directory": directory,
            "inputs_digest": f"{name} {saved}",
            "model_digest": digest_directory(directory),
            "params": {"saved": saved},
            "metrics": {},
            "data": {},
            "files": kept,
        }
        return self.tracker.record(TrainedModel(**{**ours, **changes}))

    def crown(self, candidate: Candidate, environment: str = "production") -> None:
        """Make a candidate the champion."""
        version, _ = self.registry.create(candidate.model, candidate, tags={})
        self.registry.point(candidate.model, environment, version)

    def judge(self, model: Model, candidate: Candidate, *, today: date = TODAY) -> StageResult:
        self.said.clear()
        question = Question(
            model=model,
            candidate=candidate,
            judgement_digest="rules",
            interpreter=lambda: PYTHON,
            today=today,
            where=lambda dotted: f"mlops.yaml: {dotted}",
        )
        server = LocalServerTrial(environ=os.environ, server_code=copy_into)
        trial = Trial(server=server, interpreter=lambda: PYTHON, own=lambda: PYTHON)
        return evaluate(question, registry=self.registry, bench=self.bench, trial=trial, say=self.said.append)

    @property
    def holdout_digest(self) -> str:
        return digest_file(self.root / "data/holdout.parquet")

    def scored(self) -> list[str]:
        """Who was scored in the last judgement."""
        return [line.split(" on ")[0].removeprefix("scoring the ") for line in self.said if "scoring" in line]


PYTHON = Interpreter(path=Path(sys.executable), digest="", version="", description="the tests' own")


def checks(result: StageResult) -> Mapping[str, Check]:
    return {check.name: check for check in result.checks}


def details(result: StageResult) -> EvaluationDetails:
    return decode(EvaluationDetails, result.details)
