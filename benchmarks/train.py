"""`mlops-ci train` with nothing to do, beside `dvc repro` with nothing to do."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from paired import Row, main, pairs, time_row

PROGRAM = Path(sys.executable).with_name("mlops-ci")
TRAIN = """\
import json, pathlib
pathlib.Path("model").mkdir(exist_ok=True)
pathlib.Path("model/MLmodel").write_text("flavors: {python_function: {loader_module: none}}\\n")
pathlib.Path("model/weights.bin").write_bytes(bytes(1_000_000))
pathlib.Path("metrics.json").write_text(json.dumps({"loss": 0.5}))
"""
DVC = """\
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    outs: [model]
    metrics:
      - metrics.json: {cache: false}
"""


def rows() -> list[Row]:
    """One row; both sides are up to date before the first pair."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".dvc").mkdir()
        (folder / ".dvc" / "config").write_text("")
        (folder / "train.py").write_text(TRAIN)
        (folder / "dvc.yaml").write_text(DVC)
        config = f'version: 1\nmodels:\n  bench:\n    train: {{target: train, environment: "{sys.executable}"}}\n'
        (folder / "mlops.yaml").write_text(config)
        for words in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "x"],
        ):
            subprocess.run(["git", *words], cwd=folder, check=True)
        subprocess.run([PROGRAM, "train", "--model", "bench", "--quiet"], cwd=folder, check=True)
        environ = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        ours, theirs = (PROGRAM, "train", "--model", "bench"), (sys.executable, "-m", "dvc", "repro", "train")
        found = pairs(ours, theirs, cwd=folder, runs=9, env=environ)
    return [time_row("`train` with nothing to do", found, against="dvc repro", at_most=1.3)]


if __name__ == "__main__":
    main(rows)
