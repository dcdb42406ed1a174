"""Run as a script: `zoo.py FOLDER` saves one small MLflow model of each kind that the server's tests ask."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array, Map, Object, Property
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

PICKLE = {"pip_requirements": ["scikit-learn"], "serialization_format": "cloudpickle"}


class Told(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Answers with what it was given. Its text column tells it to fail, or to wait until it is let go."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[str]:
        for text in model_input["s"]:
            if text == "fail":
                raise ValueError(f"the model's own words about {text}")
            if text == "exit":
                raise SystemExit(3)
            if text == "whole" and model_input["d"].isna().any():
                raise ValueError("this one needs all numbers")
            if text is not None and text.startswith("hold:"):
                hold(Path(text[5:]))
        dtypes = ",".join(f"{name}={dtype}" for name, dtype in model_input.dtypes.items())
        return [f"{len(model_input)}|{dtypes}|{tuple(row)}" for row in model_input.itertuples(index=False)]


def hold(folder: Path) -> None:
    """Tell that the request is in the model, then wait for the word to go on."""
    (folder / f"begun-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.005)


class Sums(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A sum for each row of one tensor."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        assert isinstance(model_input, np.ndarray)
        return model_input.reshape(len(model_input), -1).sum(axis=1)


class Pair(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Two tensors by name in, two outputs out."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return {"total": model_input["a"].sum(axis=1), "twice": model_input["n"] * 2}


class Table(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Nested columns in, a table out; a parameter that scales."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        scale = (params or {}).get("scale", 1.0)
        lengths = [float(len(value)) * scale for value in model_input["list"]]
        return pd.DataFrame({"length": lengths, "city": [place["city"] for place in model_input["place"]]})


def clicks() -> tuple[pd.DataFrame, Any]:
    """A classifier's data: numbers, counts and texts."""
    random = np.random.default_rng(0)
    rows = 200
    data = pd.DataFrame(
        {
            "age": random.normal(40, 10, rows),
            "visits": random.integers(0, 9, rows),
            "country": random.choice(["de", "fr", "it"], rows),
        }
    )
    return data, np.where(data["visits"] + (data["age"] > 40) > 5, "yes", "no")


def save_sklearn(home: Path) -> None:
    """`clicks` (signature, texts as classes) and `bare` (no signature)."""
    data, label = clicks()
    encode = make_column_transformer((OneHotEncoder(), ["country"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(data, label)
    signature = infer_signature(data, model.predict(data))
    mlflow.sklearn.save_model(model, home / "clicks", signature=signature, **PICKLE)
    numbers = data[["age", "visits"]].to_numpy()
    bare = LinearRegression().fit(numbers, numbers.sum(axis=1))
    mlflow.sklearn.save_model(bare, home / "bare", **PICKLE)
    named = LinearRegression().fit(data[["age", "visits"]].astype(float), numbers.sum(axis=1))
    columns = ModelSignature(inputs=Schema([ColSpec(DataType.double), ColSpec(DataType.double)]))
    mlflow.sklearn.save_model(bare, home / "unnamed", signature=columns, **PICKLE)
    skops = {**PICKLE, "serialization_format": "skops"}
    mlflow.sklearn.save_model(bare, home / "safe", **skops)
    small = data[["age", "visits"]].astype(float)
    mlflow.sklearn.save_model(named, home / "floats", signature=infer_signature(small, named.predict(small)), **PICKLE)


def save_pyfunc(home: Path) -> None:
    """`told` (every scalar type), `sums` and `pair` (tensors), `table` (nested types and parameters)."""
    text = Schema([ColSpec(DataType.string)])
    scalars = [
        ColSpec(kind, kind.name[0] if kind.name != "datetime" else "t") for kind in DataType if kind.name != "binary"
    ]
    optional = {"maybe": DataType.double, "bytes": DataType.binary, "flag": DataType.boolean, "count": DataType.long}
    more = [ColSpec(kind, name, required=False) for name, kind in optional.items()]
    told = ModelSignature(inputs=Schema([*scalars, *more]), outputs=text)
    sums = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, 2, 2))]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1,))]),
    )
    pair = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float64), (-1, 3), "a"), TensorSpec(np.dtype(np.int64), (-1,), "n")])
    )
    place = Object([Property("city", DataType.string), Property("zip", DataType.string, required=False)])
    table = ModelSignature(
        inputs=Schema(
            [
                ColSpec(Array(DataType.long), "list"),
                ColSpec(place, "place"),
                ColSpec(Map(DataType.double), "map", required=False),
            ]
        ),
        params=ParamSchema([ParamSpec("scale", DataType.double, 1.0)]),
    )
    models = {"told": (Told(), told), "sums": (Sums(), sums), "pair": (Pair(), pair), "table": (Table(), table)}
    for name, (model, signature) in models.items():
        mlflow.pyfunc.save_model(home / name, python_model=model, signature=signature, pip_requirements=[])


if __name__ == "__main__":
    save_sklearn(Path(sys.argv[1]))
    save_pyfunc(Path(sys.argv[1]))
