"""Batch scoring in tests: real models in a process of their own, real files, servers and databases around them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops_ci.backends.scoring.batch_input import open_rows
from mlops_ci.backends.scoring.batch_output import open_output
from mlops_ci.backends.scoring.scorer import SubprocessScorer
from mlops_ci.config.types import Model
from mlops_ci.digests.directory import digest_directory
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.batch import Wanted
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.codec import decode
from mlops_ci.records.models import Release
from mlops_ci.records.scoring import ScoreDetails
from mlops_ci.serving.code import copy_into
from mlops_ci.stages import score
from mlops_ci.stages.score import Bench
from mlops_ci.stages.scoring import Home

PYTHON = Interpreter(path=Path(sys.executable), digest="", version="", description="the tests' own")
PICKLE: dict[str, Any] = {"serialization_format": "cloudpickle", "pip_requirements": ["scikit-learn"]}
CODE = """\
import os, pathlib, time
import mlflow, pandas

def hold():
    folder = pathlib.Path(os.environ["HOLD"])
    (folder / "begun").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)

class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        if (model_input["a"] > 1000).any():
            raise ValueError("that is far too much")
        if (model_input["a"] < -1000).any():
            hold()
        none = model_input["none"].fillna(0)  # optional, and no file has it
        return pandas.DataFrame({"low": model_input["a"] - 1 - none, "high": model_input["a"] + 1})

mlflow.models.set_model(Model())
"""


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    """Seeded rows: an id, two numbers, a text, and a column that no model asks for."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.arange(count) + 1000 * seed, "a": random.normal(size=count)})
    frame["n"] = random.integers(0, 9, count)
    frame["text"] = random.choice(["de", "fr", "it"], count)
    frame["other"] = random.normal(size=count).astype("float32")
    return frame


def save_models(home: Path) -> None:
    """`late` (a classifier on numbers and a text), `minutes` (no signature), `band` (two answers)."""
    import mlflow.pyfunc
    import mlflow.sklearn
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, Schema

    frame = rows(400, seed=7)
    label = np.where(frame["a"] + frame["n"] > 4, "yes", "no")
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["text"]), remainder="passthrough")
    features = frame[["a", "n", "text"]]
    late = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(features, label)
    mlflow.sklearn.save_model(late, home / "late", signature=infer_signature(features), **PICKLE)
    minutes = LinearRegression().fit(frame[["a", "n"]], frame["a"] * 3)
    mlflow.sklearn.save_model(minutes, home / "minutes", **PICKLE)
    (home / "band.py").write_text(CODE)
    signature = ModelSignature(inputs=Schema([ColSpec("double", "none", required=False), ColSpec("double", "a")]))
    mlflow.pyfunc.save_model(
        home / "band", python_model=str(home / "band.py"), signature=signature, pip_requirements=[]
    )


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Somebody who scores: `models` is where the models are, `home` where data lies and predictions go."""

    models: Path
    home: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def release(self, model: str, **changed: Any) -> Release:
        """A model of ours as version 3."""
        digest = digest_directory(self.models / model)
        release = Release(model=model, version="3", model_digest=digest, inputs_digest="1" * 64, run_id="f" * 32)
        return replace(release, **changed)

    def order(
        self, model: str, source: str, output: str, *, release: Release | None = None, **options: Any
    ) -> score.Order:
        """What is asked; `options` are of the order, or of the rows."""
        about = {name: options.pop(name) for name in ("table", "query", "keep", "keep_all") if name in options}
        return score.Order(
            model=Model(name=model, root=self.home),
            release=release or self.release(model),
            rows=open_rows(Wanted(source=source, **about), directory=self.home, environ=self.environ),
            output=open_output(output, directory=self.home, scratch=self.scratch(output), environ=self.environ),
            **options,
        )

    def scratch(self, output: str) -> Path:
        found = self.home / "scratch" / output.replace("/", "_")
        found.mkdir(parents=True, exist_ok=True)
        return found

    def score(self, model: str, source: str, output: str, **options: Any) -> ScoreDetails:
        """Score, and tell the details of the result."""
        order = self.order(model, source, output, **options)
        result = score.score(order, self.bench(model, self.scratch(output)), say=self.said.append)
        return decode(ScoreDetails, result.details)

    @property
    def said(self) -> list[str]:
        return cast("list[str]", self.__dict__.setdefault("_said", []))

    def bench(self, model: str, scratch: Path) -> Bench:
        """No tracker is asked: the model is one that this machine keeps."""
        kept: Callable[[Release], tuple[Path, Interpreter]] = lambda release: (self.models / model, PYTHON)  # noqa: E731
        return Bench(
            home=cast(Home, None),
            scorer=SubprocessScorer(environ=self.environ),
            kept=kept,
            server_code=copy_into,
            scratch=scratch,
            workspace=Workspace(self.home),
        )
