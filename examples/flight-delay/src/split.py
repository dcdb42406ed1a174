"""Months are windows: some train the model, one is the holdout, and the newest judges what is trained later."""

from pathlib import Path

import pandas as pd
import yaml


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["split"]
    features = pd.read_parquet("data/features.parquet")
    months, holdout, newest = params["train_months"], params["holdout_month"], params["newest_month"]
    if holdout in months:
        raise SystemExit("the holdout month must not be trained on")
    if newest <= max(months):
        raise SystemExit("the newest month must come after the training months")
    for name, wanted in (("train", months), ("holdout", [holdout]), ("newest", [newest])):
        features[features["month"].isin(wanted)].to_parquet(f"data/{name}.parquet", index=False)


if __name__ == "__main__":
    main()
