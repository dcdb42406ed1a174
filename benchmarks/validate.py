"""`mlops-ci validate` on a million rows of Parquet and 20 expectations, beside a bare Great Expectations script."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from paired import Row, main, memory_row, pairs, time_row

ROWS = 1_000_000
PROGRAM = Path(sys.executable).with_name("mlops-ci")
CONFIG = """\
version: 1
models:
  bench:
    validate: [{data: rows.parquet, suite: suite.json}]
"""
DVC = "stages:\n  train:\n    cmd: 'true'\n    deps: [suite.json]\n    outs: [model]\n"
BARE = """\
import json, os, warnings
os.environ["GX_ANALYTICS_ENABLED"] = "false"
warnings.simplefilter("ignore")
import great_expectations as gx, pandas
from great_expectations.data_context.types.base import ProgressBarsConfig
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = ProgressBarsConfig(globally=False)
frame = pandas.read_parquet("rows.parquet")
asset = context.data_sources.add_pandas("p").add_dataframe_asset("d")
batch = asset.add_batch_definition_whole_dataframe("w").get_batch({"dataframe": frame})
result = batch.validate(gx.ExpectationSuite(**json.load(open("suite.json"))))
assert result.success
print(len(result.results))
"""


def suite() -> dict[str, object]:
    """Twenty expectations, of the kinds people write most."""
    expectations: list[dict[str, object]] = []
    for i in range(5):
        column = f"n{i}"
        between = {"column": column, "min_value": -100, "max_value": 100}
        expectations += [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": column}},
            {"type": "expect_column_values_to_be_between", "kwargs": between},
            {"type": "expect_column_mean_to_be_between", "kwargs": {"column": column, "min_value": -1, "max_value": 1}},
        ]
    for i in range(5):
        values = {"column": f"c{i}", "value_set": ["red", "green", "blue"]}
        expectations.append({"type": "expect_column_values_to_be_in_set", "kwargs": values})
    return {"name": "bench", "expectations": expectations, "meta": {}}


def prepare(folder: Path) -> None:
    """Seeded data, the suite, and a repository around them."""
    random = np.random.default_rng(0)
    columns: dict[str, object] = {f"n{i}": random.normal(size=ROWS) for i in range(5)}
    columns |= {f"c{i}": random.choice(["red", "green", "blue"], ROWS) for i in range(5)}
    pd.DataFrame(columns).to_parquet(folder / "rows.parquet", index=False)
    (folder / "suite.json").write_text(json.dumps(suite()))
    (folder / "mlops.yaml").write_text(CONFIG)
    (folder / "dvc.yaml").write_text(DVC)
    (folder / "bare.py").write_text(BARE)
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=folder, check=True)


def rows() -> list[Row]:
    """Time and memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        ours = (PROGRAM, "validate", "--model", "bench")
        found = pairs(ours, (sys.executable, "bare.py"), cwd=folder, runs=5)
    what, against = "`validate`, 1M rows × 10 columns, 20 expectations", "bare Great Expectations script"
    note = "ours also profiles every column and hashes the file"
    return [
        time_row(f"{what}: time", found, against=against, at_most=1.1, note=note),
        memory_row(f"{what}: memory", found, against=against, at_most=1.1),
    ]


if __name__ == "__main__":
    main(rows)
