"""Drift on 1M rows × 20 columns beside Evidently on the same frames, on many rows beside one scan of them, and the run
of a schedule that finds nothing new.

Both sides of the first table are given what they take: Evidently two frames in memory, of which it computes the same
distance for each column; ours a Parquet file, which is read, guarded and compared with the stored sample. The verdicts
are compared on 200 seeded cases of five columns. The scan of the second table is one query by DuckDB that touches every
value: sums of numbers, lengths of texts. Memory is measured on a quarter of the rows, too. The quiet run is a whole
process in a repository with a champion and its reference, made by the real stages.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from merge import TOY, mlops
from merge import write as write_files
from pyarrow import parquet

from paired import Row, Run, limit_row, main, measure

ROWS = int(os.environ.get("DRIFT_ROWS", 1_000_000))
MANY = int(os.environ.get("DRIFT_MANY", 20_000_000))
CASES = int(os.environ.get("DRIFT_CASES", 200))
NUMBERS, TEXTS = 16, 4
SAMPLE = 20_000
GROUP = 1_000_000


def frame(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Seeded rows: numbers, a quarter of them moved by `shift`, and texts."""
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        f"x{place}": random.normal(size=rows) + (shift if place % 4 == 0 else 0.0) for place in range(NUMBERS)
    }
    letters = np.array(list("abcdefgh"))
    columns |= {f"c{place}": letters[random.integers(0, 8, rows)] for place in range(TEXTS)}
    return pd.DataFrame(columns)


def reference(home: Path, training: pd.DataFrame) -> Any:
    """The stored reference of a training frame, without a model."""
    from mlops_ci.backends.watch.training_data import DuckTrainingData
    from mlops_ci.records.reference import Reference

    training.to_parquet(home / "train.parquet")
    summary = DuckTrainingData().summarise(
        [home / "train.parquet"], sample=home / "sample.parquet", rows=SAMPLE, seed=0
    )
    names = tuple(item.name for item in summary.columns)
    return Reference(
        model="m",
        model_digest="d",
        version=1,
        label="",
        data=("train.parquet",),
        rows=summary.rows,
        sampled=SAMPLE,
        seed=0,
        duplicates=0.0,
        columns=summary.columns,
        predictions=(),
        inputs=names,
    )


def ours(home: Path, known: Any, current: str) -> dict[str, bool]:
    """column → whether it drifted, of a file."""
    from mlops_ci.backends.watch.production_rows import open_production
    from mlops_ci.config.types import Drift, Model
    from mlops_ci.stages.drift import rules_of

    model = Model(name="m", root=home, drift=Drift(current=current))
    source = open_production(model, environ=os.environ, scratch=home / "scratch")
    with source.open(known, home / "sample.parquet", now=0.0, say=lambda line: None) as watched:
        found = watched.compare(watched.windows()[0], rules_of(model.drift))
    return {item.name: item.drifted for item in found.columns}


def evidently(then: pd.DataFrame, now: pd.DataFrame) -> dict[str, bool]:
    """The same distances by Evidently itself, on the frames."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    texts = [name for name in then if str(name).startswith("c")]
    numbers = [name for name in then if name not in texts]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
    methods = {name: "jensenshannon" if name in texts else "wasserstein" for name in then}
    metrics = [ValueDrift(column=name, method=methods[name], threshold=0.1) for name in then]
    sides = [Dataset.from_pandas(side, definition) for side in (now, then)]
    found = Report(metrics, include_tests=True).run(*sides).dict()
    pairs = zip(found["metrics"], found["tests"], strict=True)
    return {metric["config"]["column"]: test["status"].value == "FAIL" for metric, test in pairs}


def against_evidently(home: Path) -> list[Row]:
    """Time of one comparison each, alternating; then verdicts."""
    training, current = frame(ROWS, 1), frame(ROWS, 2, shift=0.15)
    known = reference(home, training)
    current.to_parquet(home / "window.parquet")
    evidently(training.head(1000), current.head(1000))  # its first call imports
    ours(home, known, "window.parquet")
    pairs = []
    for _ in range(2):
        started = time.perf_counter()
        ours(home, known, "window.parquet")
        between = time.perf_counter()
        evidently(training, current)
        pairs.append((between - started, time.perf_counter() - between))
    ratio = statistics.median(theirs / own for own, theirs in pairs)
    own, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    agreed, asked = verdicts(home)
    return [
        Row(
            what=f"drift, {ROWS:,} rows × {NUMBERS + TEXTS} columns",
            ours=f"{own:.2f} s",
            against=f"Evidently on the frames: {theirs:.1f} s",
            ratio=f"{ratio:.1f}× faster",
            target="≥ 10× faster",
            met=ratio >= 10,
            note="ours reads Parquet, with all checks; median of 2 pairs",
        ),
        Row(
            what=f"drift: the same verdict per column, {CASES} cases",
            ours=f"{100 * agreed / asked:.1f} %",
            against=f"{asked:,} columns judged by Evidently",
            ratio="–",
            target="≥ 95 %",
            met=agreed >= 0.95 * asked,
            note="5,000 rows against a sample of 5,000, shifts from 0 to 0.2 standard deviations",
        ),
    ]


def verdicts(home: Path) -> tuple[int, int]:
    """(columns judged alike, columns judged) over seeded cases around the threshold."""
    agreed = asked = 0
    for case in range(CASES):
        random = np.random.default_rng(case)
        names = [f"x{place}" for place in random.choice(NUMBERS, 4, replace=False)] + ["c0"]
        then, now = frame(5000, 10_000 + case)[names], frame(5000, 20_000 + case)[names]
        for name in names[:-1]:
            now[name] = now[name] * random.uniform(0.9, 1.1) + random.uniform(0, 0.2)
        known = reference(home, then)
        now.to_parquet(home / "case.parquet")
        mine, theirs = ours(home, known, "case.parquet"), evidently(then, now)
        agreed += sum(mine[name] == theirs[name] for name in names)
        asked += len(names)
    return agreed, asked


SCAN = """\
import sys, duckdb
names = sys.argv[2].split(",")
parts = [f"sum({n})" if n.startswith("x") else f"sum(length({n}))" for n in names]
duckdb.connect().execute(f"SELECT {', '.join(parts)} FROM '{sys.argv[1]}'").fetchall()
"""
MAKE = """\
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
import drift
drift.write(Path(sys.argv[1]), int(sys.argv[2]))
"""
COMPARE = """\
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
import json, drift
from mlops_ci.records.codec import decode
from mlops_ci.records.reference import Reference
home = Path(sys.argv[1])
drift.ours(home, decode(Reference, json.loads((home / "reference.json").read_text())), sys.argv[2])
"""


def against_a_scan(home: Path) -> list[Row]:
    """One file; whole processes, alternating."""
    from mlops_ci.records.codec import encode

    known = reference(home, frame(100_000, 1))
    (home / "reference.json").write_text(json.dumps(encode(known)))
    path, part = home / "many.parquet", home / "part.parquet"
    for place, groups in ((path, MANY // GROUP), (part, MANY // GROUP // 4)):
        # In a process of its own: the kernel counts this one's memory among that of the processes it starts.
        made: list[str | Path] = [
            sys.executable,
            "-c",
            MAKE.format(here=str(Path(__file__).parent)),
            place,
            str(max(1, groups)),
        ]
        assert measure(made, cwd=home).code == 0
    names = ",".join([f"x{place}" for place in range(NUMBERS)] + [f"c{place}" for place in range(TEXTS)])
    code = COMPARE.format(here=str(Path(__file__).parent))
    pairs: list[tuple[Run, Run]] = []
    few = measure([sys.executable, "-c", code, home, part.name], cwd=home)
    for _ in range(3):
        scan = measure([sys.executable, "-c", SCAN, path, names], cwd=home)
        mine = measure([sys.executable, "-c", code, home, path.name], cwd=home)
        assert (scan.code, mine.code, few.code) == (0, 0, 0)
        pairs.append((mine, scan))
    ratio = statistics.median(own.seconds / scan.seconds for own, scan in pairs)
    own, scanned = (statistics.median(run.seconds for run in side) for side in zip(*pairs, strict=True))
    most = max(run.memory_mb for run, _ in pairs)
    scaled = f"; {MANY:,} rows in place of 100M, for the disk" if MANY < 100_000_000 else ""
    return [
        Row(
            what=f"drift, {MANY:,} rows × {NUMBERS + TEXTS} columns",
            ours=f"{own:.1f} s",
            against=f"one scan by DuckDB: {scanned:.1f} s",
            ratio=f"{ratio:.2f}×",
            target="≤ 3×",
            met=ratio <= 3,
            note=f"whole processes, with all checks; median of 3 pairs{scaled}",
        ),
        limit_row(
            f"drift, {MANY:,} rows: peak memory",
            most / 1000,
            unit="GB",
            at_most=1.5,
        ),
        Row(
            what=f"drift, four times the rows ({MANY:,}): peak memory",
            ours=f"{most:.0f} MB",
            against=f"a quarter of the rows: {few.memory_mb:.0f} MB",
            ratio=f"{most / few.memory_mb:.2f}×",
            target="≤ 1.5×",
            met=most <= 1.5 * few.memory_mb,
            note="whole processes; flat would be 1, in step with the rows 4",
        ),
    ]


def write(path: Path, groups: int) -> None:
    """A file of so many row groups."""
    with parquet.ParquetWriter(path, pa.Table.from_pandas(frame(1, 0)).schema) as writer:
        for place in range(groups):
            writer.write_table(pa.Table.from_pandas(frame(GROUP, place + 3, shift=0.15)))


def quiet(home: Path) -> list[Row]:
    """A scheduled run with nothing new: the last answer is given again."""
    watched = TOY["mlops.yaml"].replace("train: {", "train: {data: [train.csv], ").replace("      staging: {}\n", "")
    watched += "    drift: {current: 'production/*.csv', min_rows: 100}\n"
    random = np.random.default_rng(1)
    months = {
        f"production/{month}.csv": "x,prediction\n"
        + "".join(f"{x:.4f},{int(x > 1)}\n" for x in random.uniform(0, 2, 500))
        for month in range(6)
    }
    write_files(home, {**TOY, "mlops.yaml": watched, **months})
    for words in (["pull-request", "--all"], ["merge"], ["serve", "stop", "--all"], ["drift"]):
        mlops(home, *words)
    answer = json.loads((home / ".mlops/results/toy/drift.json").read_text())
    assert (answer["status"], len(answer["details"]["windows"])) == ("passed", 6)
    runs = [measure([sys.executable, "-m", "mlops_ci", "drift"], cwd=home) for _ in range(6)][1:]
    seconds = statistics.median(run.seconds for run in runs)
    return [limit_row("drift, a scheduled run with nothing new", seconds, unit="s", at_most=2)]


def rows() -> list[Row]:
    """Both tables."""
    found: list[Row] = []
    for part in (quiet, against_a_scan, against_evidently):
        with tempfile.TemporaryDirectory() as folder:
            found += part(Path(folder))
    return found


if __name__ == "__main__":
    main(rows)
