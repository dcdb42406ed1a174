"""Newer data: the newest month that production has seen judges, and the three before it train. The holdout stays."""

import os
import re
from pathlib import Path

TRAINED = 3


def main() -> None:
    folder = Path(os.environ.get("PRODUCTION", "production"))
    seen = sorted(int(path.stem.rpartition("-")[2]) for path in folder.glob("*.parquet"))
    if not seen:
        raise SystemExit(f"there is no month in {folder.resolve()}; PRODUCTION names the folder")
    path = Path("params.yaml")
    text = path.read_text(encoding="utf-8")
    holdout = int(re.search(r"^  holdout_month: (\d+)$", text, re.MULTILINE)[1])
    before = [month for month in range(1, seen[-1]) if month != holdout]
    for name, value in (("train_months", before[-TRAINED:]), ("newest_month", seen[-1])):
        text = re.sub(rf"^  {name}: .*$", f"  {name}: {value}", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
