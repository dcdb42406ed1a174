"""Gradient-boosted trees on the chosen feature groups, saved as an MLflow model directory."""

import json
import logging
import shutil
import warnings
from pathlib import Path

import mlflow.sklearn
import pandas as pd
import yaml
from groups import CATEGORIES, columns
from mlflow.models import Model, infer_signature
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

LABEL = "delayed"
OUT = Path("model")


def build(params: dict, names: list[str]) -> Pipeline:
    categories = [name for name in names if name in CATEGORIES]
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1, dtype="float64"
    )
    return make_pipeline(
        make_column_transformer((encoder, categories), remainder="passthrough", verbose_feature_names_out=False),
        HistGradientBoostingClassifier(
            learning_rate=params["learning_rate"],
            max_iter=params["iterations"],
            max_leaf_nodes=params["leaves"],
            early_stopping=False,
            random_state=params["seed"],
        ),
    )


def save(model: Pipeline, sample: pd.DataFrame, seed: int) -> None:
    """The same training writes the same bytes: MLflow's own random id and clock are set to fixed values."""
    shutil.rmtree(OUT, ignore_errors=True)
    signature = infer_signature(sample, model.predict_proba(sample)[:, 1])
    header = Model(model_uuid=f"{seed:032x}", utc_time_created="2013-04-01 00:00:00", signature=signature)
    mlflow.sklearn.save_model(
        model,
        OUT,
        mlflow_model=header,
        input_example=sample.head(3),
        serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba",
        pip_requirements="requirements.txt",
    )


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["train"]
    data = pd.read_parquet("data/train.parquet")
    names = columns(params["features"])
    features = data[names].astype({name: "float64" for name in names if name not in CATEGORIES})
    model = build(params, names).fit(features, data[LABEL])
    scores = model.predict_proba(features)[:, 1]
    metrics = {"train": {"roc_auc": float(roc_auc_score(data[LABEL], scores)), "rows": len(data)}}
    Path("metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    save(model, features.head(200), params["seed"])


if __name__ == "__main__":
    main()
