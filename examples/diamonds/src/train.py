"""Trains one model of the folder it is run in: its params.yaml says what is predicted, and from what."""

import json
import logging
import shutil
import warnings
from pathlib import Path

import mlflow.sklearn
import pandas as pd
import yaml
from mlflow.models import Model, infer_signature
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

TEXT = ["cut", "color", "clarity"]
KINDS = {"regression": HistGradientBoostingRegressor, "classification": HistGradientBoostingClassifier}
OUT = Path("model")


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    data = pd.read_parquet("../data/train.parquet")
    features, label = data[params["features"]], data[params["label"]]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(
        make_column_transformer((encoder, [name for name in features if name in TEXT]), remainder="passthrough"),
        KINDS[params["task"]](max_iter=params["iterations"], early_stopping=False, random_state=params["seed"]),
    ).fit(features, label)
    score = float(model.score(features, label))
    Path("metrics.json").write_text(json.dumps({"train": {"score": score}}) + "\n", encoding="utf-8")
    sample = features.head(200)
    header = Model(
        model_uuid=f"{params['seed']:032x}",
        utc_time_created="2026-01-01 00:00:00",
        signature=infer_signature(sample, model.predict(sample)),
    )
    shutil.rmtree(OUT, ignore_errors=True)
    mlflow.sklearn.save_model(
        model,
        OUT,
        mlflow_model=header,
        input_example=sample.head(3),
        serialization_format="cloudpickle",
        pip_requirements="../requirements.txt",
    )


if __name__ == "__main__":
    main()
