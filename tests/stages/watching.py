"""Watching in tests: a seeded reference and windows as files, real DuckDB, and no model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

from mlops_ci.backends.watch.production_rows import open_production
from mlops_ci.backends.watch.training_data import DuckTrainingData
from mlops_ci.config.types import Drift, Evaluate, MetricSpec, Model
from mlops_ci.ports.drift import Distances
from mlops_ci.records.codec import decode
from mlops_ci.records.drift import ColumnDrift, DriftDetails, WindowResult
from mlops_ci.records.evaluation import Interval, MetricResult
from mlops_ci.records.models import Version
from mlops_ci.records.reference import Importance, Reference
from mlops_ci.records.results import Check, StageResult
from mlops_ci.stages.decay import Yardstick
from mlops_ci.stages.drift import Watch, drift
from mlops_ci.stages.reference import Kept

NOW = datetime(2026, 1, 10, tzinfo=timezone.utc)
DIGEST = "d" * 64
INPUTS = ("a", "b", "n", "c", "flag")


def rows(count: int, seed: int, *, shift: float = 0.0) -> pd.DataFrame:
    """a and b are normal, n a small whole number, c a text, flag true or false; the label follows a and b."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.arange(count) + 1_000_000 * seed})
    frame["a"] = random.normal(size=count) + shift
    frame["b"] = random.normal(size=count) + shift
    frame["n"] = random.integers(0, 6, count)
    frame["c"] = random.choice(["x", "y", "z"], count, p=[0.5, 0.3, 0.2])
    frame["flag"] = random.random(count) < 0.3
    chance = 1 / (1 + np.exp(-(frame["a"] - frame["b"])))
    frame["label"] = (random.random(count) < chance).astype(int)
    frame["prediction"] = chance
    return frame


@dataclass(frozen=True, kw_only=True)
class Lookout:
    """Somebody who watches: windows lie in `home/production`, the reference is made of `training` rows. The model
    answers with a probability, or with `classes`; the reference has the probability of a `positive` one, too."""

    home: Path
    training: pd.DataFrame = field(default_factory=lambda: rows(4000, 1))
    importance: Mapping[str, float] = field(default_factory=lambda: {"a": 0.6, "b": 0.3, "c": 0.1})
    classes: bool = False
    positive: str = ""

    def kept(self) -> Kept:
        """The reference, made once."""
        place = self.home / "reference"
        sample, answers = place / "rows.parquet", place / "answers.parquet"
        place.mkdir(exist_ok=True)
        self.training.drop(columns=["prediction", "id"], errors="ignore").to_parquet(place / "train.parquet")
        summary = DuckTrainingData().summarise([place / "train.parquet"], sample=sample, rows=3000, seed=0)
        chosen = pd.read_parquet(sample)
        chance = 1 / (1 + np.exp(-(chosen["a"].astype(float) - chosen["b"].astype(float))))
        answered = pd.DataFrame({"prediction": chance})
        if self.classes:
            answered = pd.DataFrame({"prediction": (chance > 0.5).astype(int), "p0": 1 - chance, "p1": chance})
        table = pyarrow.Table.from_pandas(answered)
        parquet.write_table(table.replace_schema_metadata({"mlops_ci.classes": '["0", "1"]'}), answers)
        names = [item.name for item in summary.columns]
        made = DuckTrainingData().keep(
            sample,
            answers,
            columns=names,
            predictions=["prediction"],
            positive=self.positive,
            into=place / "sample.parquet",
        )
        worth = [Importance(column=name, loss=value, share=value) for name, value in self.importance.items()]
        reference = Reference(
            model="m",
            model_digest=DIGEST,
            version=1,
            label="label",
            data=("train.parquet",),
            rows=summary.rows,
            sampled=made,
            seed=0,
            duplicates=summary.duplicates,
            columns=summary.columns,
            predictions=("prediction",),
            inputs=INPUTS,
            importance=tuple(worth),
        )
        return Kept(reference=reference, sample=place / "sample.parquet")

    def put(self, name: str, frame: pd.DataFrame) -> Path:
        """A file of production."""
        path = self.home / "production" / name
        path.parent.mkdir(exist_ok=True)
        if name.endswith(".csv"):
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
        return path

    def model(self, **keys: Any) -> Model:
        """Watched by DuckDB unless `keys` below `drift` say otherwise."""
        ours = {"current": "production/*.parquet", "engine": "duckdb", "min_rows": 200, **keys}
        metrics = (MetricSpec(name="roc_auc"),)
        evaluate = Evaluate(holdout="holdout.parquet", label="label", metrics=metrics)
        return Model(name="m", root=self.home, evaluate=evaluate, drift=Drift(**ours))

    def asked(
        self, *, now: datetime = NOW, until: str = "", seen: str = "", holdout: float | None = None, **keys: Any
    ) -> Watch:
        """What the stage is asked; `holdout` is the champion's roc_auc there."""
        model = self.model(**keys)
        by = Yardstick()
        if holdout is not None:
            around = Interval(value=holdout, low=holdout - 0.01, high=holdout + 0.01)
            result = MetricResult(
                metric="roc_auc", higher_is_better=True, candidate=around, confidence=0.95, method="DeLong"
            )
            by = Yardstick(spec=MetricSpec(name="roc_auc"), label="label", classes=("0", "1"), holdout=result)
        return Watch(
            model=model,
            version=Version(model="m", number="7", run_id="r", model_digest=DIGEST, inputs_digest="i"),
            environment="production",
            kept=self.kept(),
            production=open_production(model, environ=os.environ, scratch=self.home / "scratch"),
            yardstick=by,
            now=now,
            stamp="s",
            where=lambda key: "mlops.yaml",
            until=until,
            seen=seen,
        )

    def watch(self, **asked: Any) -> StageResult:
        """One run, of `asked`."""
        return self.judged(self.asked(**asked))

    def judged(self, watch: Watch) -> StageResult:
        """One run, of what is asked."""
        return drift(watch, distances=Nobody(), scratch=self.home / "scratch", say=lambda line: None)


class Nobody(Distances):
    """Where DuckDB decides, Evidently is never asked."""

    def compare(self, folder: Path, columns: Any) -> Any:
        raise AssertionError("Evidently was asked")


def details(result: StageResult) -> DriftDetails:
    return decode(DriftDetails, result.details)


def newest(result: StageResult) -> WindowResult:
    return details(result).windows[-1]


def column(result: StageResult, name: str) -> ColumnDrift:
    return next(item for item in newest(result).columns if item.name == name)


def checks(result: StageResult) -> Mapping[str, Check]:
    return {check.name: check for check in newest(result).checks}
