"""Two small models, as releases, and waiting for what other processes do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mlops_ci.digests.directory import digest_directory
from mlops_ci.records.models import Release

MODEL = """\
import sys
import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

class Constant(mlflow.pyfunc.PythonModel):
    def __init__(self, value):
        self.value = value

    def predict(self, context, model_input, params=None):
        return [self.value] * len(model_input)

signature = ModelSignature(inputs=Schema([ColSpec("double", "x")]))
for value in (1.0, 2.0):
    mlflow.pyfunc.save_model(
        f"{sys.argv[1]}/{value:.0f}/model", python_model=Constant(value), signature=signature, pip_requirements=[]
    )
"""


def make_sources(home: Path) -> list[Path]:
    """Two folders with a model that answers 1 and one that answers 2, and their smoke rows."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", MODEL, home], check=True, capture_output=True)
    for value in (1.0, 2.0):
        request = {"dataframe_split": {"columns": ["x"], "data": [[0.0], [1.0]]}}
        (home / f"{value:.0f}/smoke.json").write_text(json.dumps({"request": request, "predictions": [value, value]}))
    return [home / "1", home / "2"]


def releases_of(sources: list[Path]) -> list[Release]:
    """A release of each model."""
    return [
        Release(
            model="toy",
            version=str(number),
            model_digest=digest_directory(source / "model"),
            inputs_digest=f"{number}" * 64,
            run_id=f"run{number}",
        )
        for number, source in enumerate(sources, 1)
    ]


def until(true: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Wait for what other processes do. Fails where it does not come true."""
    ended = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ended, "it did not come true"
        os.sched_yield()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
