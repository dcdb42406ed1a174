"""Batch scoring of ten million rows beside the model's own `predict` on the same rows as one frame in memory.

The model is the flight-delay example's: an encoder of texts before gradient-boosted trees. `predict` is timed alone:
the frame is in memory already, and nothing is written. Ours is timed from the first byte read to the last one written;
the whole commands stand below. The memory is that of the command and all its children together, sampled.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from paired import Row, Run, limit_row, main, measure

ROWS = 10_000_000
GROUP = 1_000_000
RUNS = 3
TEXTS = ("carrier", "origin")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


def frame(count: int, seed: int) -> pa.Table:
    """Seeded rows: eight numbers and two texts."""
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {f"x{place}": np.round(random.normal(size=count), 3) for place in range(8)}
    columns["carrier"] = np.array(["AA", "B6", "DL", "UA"])[random.integers(0, 4, count)]
    columns["origin"] = np.array(["EWR", "JFK", "LGA"])[random.integers(0, 3, count)]
    return pa.table(columns)


def save_model(into: Path) -> None:
    """Trees after an encoder, saved as the example saves them."""
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    rows = frame(50_000, seed=1).to_pandas()
    random = np.random.default_rng(2)
    label = (rows["x0"] + rows["x1"] + (rows["carrier"] == "AA") + random.normal(size=len(rows)) > 0).astype(int)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype="float64")
    model = make_pipeline(
        make_column_transformer((encoder, TEXTS), remainder="passthrough", verbose_feature_names_out=False),
        HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0),
    ).fit(rows, label)
    mlflow.sklearn.save_model(
        model,
        into,
        signature=infer_signature(rows, model.predict_proba(rows)[:, 1]),
        serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba",
        pip_requirements=["scikit-learn"],
    )


def prepare(home: Path) -> None:
    """A repository with one release, whose run is in its MLflow store, and the rows."""
    from mlops_ci.backends.mlflow.tracker import MlflowTracker
    from mlops_ci.config.release_file import render
    from mlops_ci.digests.directory import digest_directory
    from mlops_ci.ports.tracking import TrainedModel
    from mlops_ci.records.models import Release

    (home / "mlops.yaml").write_text(f"version: 1\nmodels:\n  delays: {{train: {{environment: '{sys.executable}'}}}}\n")
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.com")
    for words in (("init", "-q"), ("add", "mlops.yaml"), ("commit", "-qm", "Start")):
        subprocess.run([*git, *words], cwd=home, check=True)
    save_model(home / "saved")
    about = {"files": [], "spec": sys.executable, "python": ".".join(map(str, sys.version_info[:3]))}
    (home / "environment.json").write_text(json.dumps(about))
    trained = TrainedModel(
        model="delays",
        directory=home / "saved",
        inputs_digest="1" * 64,
        model_digest=digest_directory(home / "saved"),
        params={},
        metrics={},
        data={},
        files={"environment/environment.json": home / "environment.json"},
    )
    run = MlflowTracker(root=home, uri="sqlite:///.mlops/mlflow.db").record(trained).run_id
    release = Release(
        model="delays", version="1", model_digest=trained.model_digest, inputs_digest="1" * 64, run_id=run
    )
    (home / "release.yaml").write_bytes(render(release))
    with parquet.ParquetWriter(home / "rows.parquet", frame(1, 0).schema) as writer:
        for place in range(ROWS // GROUP):
            writer.write_table(frame(GROUP, seed=place + 3))


def predict(home: Path) -> None:
    """The other side: the frame in memory, one call; its seconds go into a file."""
    from mlflow import pyfunc

    model = pyfunc.load_model(str(home / "saved"))
    rows = parquet.read_table(home / "rows.parquet").to_pandas()
    started = time.perf_counter()
    answers = model.predict(rows)
    seconds = time.perf_counter() - started
    assert len(answers) == ROWS
    (home / "predict.json").write_text(json.dumps(seconds))


def resident(root: int) -> float:
    """Resident megabytes of a process and all below it."""
    parents: dict[int, int] = {}
    sizes: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                sizes[int(entry.name)] = int((entry / "statm").read_text().split()[1]) * PAGE_MB
            except (OSError, ValueError, IndexError):
                continue
    family, found = {root}, {root}
    while found:
        found = {child for child, parent in parents.items() if parent in found} - family
        family |= found
    return sum(sizes.get(pid, 0.0) for pid in family)


class Watched:
    """The largest sum of resident memory below this process while the block runs, without its own."""

    def __enter__(self) -> Watched:
        self.peak = 0.0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self) -> None:
        own = os.getpid()
        while not self.ended.wait(0.1):
            self.peak = max(self.peak, resident(own) - int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_MB)

    def __exit__(self, *args: object) -> None:
        self.ended.set()
        self.thread.join()


def rows() -> list[Row]:
    """Both sides in turns."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        subprocess.run([sys.executable, __file__, "--prepare", home], check=True)
        words = ("--release", "release.yaml", "--input", "rows.parquet", "--output", "out", "--quiet")
        ours = (sys.executable, "-m", "mlops_ci", "score", *words)
        theirs = (sys.executable, __file__, "--predict", home)
        pairs: list[tuple[float, float, Run, Run]] = []
        memory = []
        for place in range(RUNS):
            subprocess.run(["rm", "-rf", home / "out"], check=True)
            with Watched() as watched:
                mine = measure(ours, cwd=home)
            details = json.loads((home / ".mlops/results/delays/score.json").read_text())["details"]
            other = measure(theirs, cwd=home)
            assert (mine.code, other.code, details["rows"]) == (0, 0, ROWS)
            pairs.append((details["seconds"], json.loads((home / "predict.json").read_text()), mine, other))
            memory.append(watched.peak - details["model_memory_mb"] * 1.048576)
            print(f"{place + 1} of {RUNS}: {pairs[-1]}, {memory[-1]:.0f} MB", file=sys.stderr)
    what = "batch scoring, 10M rows × 10 columns"
    alone = statistics.median(pair[0] / pair[1] for pair in pairs)
    whole = statistics.median(pair[2].seconds / pair[3].seconds for pair in pairs)
    least = [min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)]
    wholes = [min(pair[2].seconds for pair in pairs), min(pair[3].seconds for pair in pairs)]
    theirs_mb = max(pair[3].memory_mb for pair in pairs)
    return [
        Row(
            what=what,
            ours=f"{least[0]:.1f} s",
            against=f"`predict` alone, on the frame in memory: {least[1]:.1f} s",
            ratio=f"{alone:.2f}×",
            target="≤ 1.15×",
            met=alone <= 1.15,
            note=f"ours reads and writes, too; median of {RUNS} pairs, least times",
        ),
        Row(
            what=f"{what}: whole commands",
            ours=f"{wholes[0]:.1f} s",
            against=f"load, read, `predict`: {wholes[1]:.1f} s",
            ratio=f"{whole:.2f}×",
            target="–",
            met=None,
            note="ours fetches the model and checks it byte for byte",
        ),
        limit_row(
            f"{what}: memory over the loaded model",
            max(memory),
            unit="MB",
            at_most=500,
            note=f"all processes together; the other side's peak: {theirs_mb:.0f} MB",
        ),
    ]


if __name__ == "__main__":
    if "--prepare" in sys.argv:
        prepare(Path(sys.argv[-1]))
    elif "--predict" in sys.argv:
        predict(Path(sys.argv[-1]))
    else:
        main(rows)
