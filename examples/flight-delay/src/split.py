"""Months are windows: training months first, the holdout month after them."""

from pathlib import Path

import pandas as pd
import yaml


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["split"]
    features = pd.read_parquet("data/features.parquet")
    months, holdout = params["train_months"], params["holdout_month"]
    if holdout <= max(months):
        raise SystemExit("the holdout month must come after the training months")
    features[features["month"].isin(months)].to_parquet("data/train.parquet", index=False)
    features[features["month"] == holdout].to_parquet("data/holdout.parquet", index=False)


if __name__ == "__main__":
    main()
