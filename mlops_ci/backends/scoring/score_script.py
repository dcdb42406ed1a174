"""Scores an MLflow model, or measures the user's own metrics, in the user's environment: `python score_script.py JOB`.

A script of its own: with its neighbours (`row_hash.py`, `model_answers.py`, `model_tensors.py`, `metric_script.py`,
`watch_script.py`, `batch_*.py`) it imports the standard library and what MLflow brings, nothing of ours, since nothing
of ours is installed there; any Python from 3.8 will do.
Whatever the user's code prints goes to the log; the answer is the file that the job names: `{"done": …}`, or
`{"refused": …}` with the reason in one line.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import time
import traceback
from typing import Any

REFUSED = 3
OURS = (
    "Refused",
    "Unfit",
    "UsageError",
)  # errors whose words are complete; by name, since nothing of ours is installed
SINGLE_ROWS = 30
SINGLE_SECONDS = 2.0
ROWS = 100_000
SMOKE_ROWS = 8
SMOKE_BYTES = 1_000_000  # of tensors it may be fewer rows: a server has a limit to what it reads, too


def main(path: str) -> int:
    """Run one job; exit 3 where it can't be done."""
    with open(path, encoding="utf-8") as file:
        job = json.load(file)
    # Our folder must not stand for the user's modules of the same name; what a metric imports lies in job["modules"].
    del sys.path[0]
    keep_compiled(LIBRARIES[job["kind"]])
    sys.path[0:0] = [job["modules"]] if job.get("modules") else []
    beside("row_hash")
    beside("model_tensors")
    try:
        answer = {"done": KINDS[job["kind"]](job)}
    except Exception as error:
        tell(error)
        answer = {"refused": reason(error), "unfit": type(error).__name__ == "Unfit"}
    with open(job["answer"] + ".new", "w", encoding="utf-8") as file:
        json.dump(answer, file)
    os.replace(job["answer"] + ".new", job["answer"])
    return 0 if "done" in answer else REFUSED


def tell(error: BaseException) -> None:
    """The error in the log: what we refuse in a line; of what the user's code raised, the user's part of the way."""
    if type(error).__name__ in OURS:
        print(reason(error), file=sys.stderr)
        return
    ours = os.path.dirname(os.path.abspath(__file__))
    frame = begun = error.__traceback__
    while frame is not None:
        if os.path.dirname(frame.tb_frame.f_code.co_filename) == ours:
            begun = frame.tb_next
        frame = frame.tb_next
    traceback.print_exception(type(error), error, begun or error.__traceback__)


def keep_compiled(libraries: Any) -> None:
    """Import what the job needs first. We run with `-B`, so that nothing is written beside a model; what Python
    compiles of the libraries it may keep for the next run all the same."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    for name in libraries:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # who needs it says so
    sys.dont_write_bytecode = before


def beside(name: str) -> Any:
    """A file of ours next to this one, as a module under a name that no user's module has."""
    unique = f"mlops_ci_{name}"
    if unique not in sys.modules:
        place = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
        spec = importlib.util.spec_from_file_location(unique, place)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[unique] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[unique])
    return sys.modules[unique]


def reason(error: BaseException) -> str:
    """An error in one line, with the place in the user's code where there is one."""
    place = getattr(error, "place", "")  # of a batch
    return f"{place}: {_reason(error)}" if place else _reason(error)


def _reason(error: BaseException) -> str:
    if type(error).__name__ in OURS:
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = os.path.dirname(os.path.abspath(__file__))
    theirs = [f for f in frames if "site-packages" not in f.filename and os.path.dirname(f.filename) != ours]
    known = [f for f in theirs if not f.filename.startswith((os.path.dirname(os.__file__), "<"))]
    first = (str(error).strip().splitlines() or [""])[0][:300]
    place = f" ({os.path.basename(known[-1].filename)}:{known[-1].lineno})" if known else ""
    return f"{type(error).__name__}: {first}{place}"


def score(job: Any) -> Any:
    """Predict every row of the holdout and write one row for each: position, hash, prediction, probabilities."""
    import numpy

    rows = beside("row_hash")
    names = rows.column_names(job["data"])
    started = time.monotonic()
    model = beside("model_answers").load(job)
    loaded = time.monotonic()
    wanted = model.columns(names, job)
    pieces, hashes, first = [], [], None
    for table in rows.read_batches(job["data"], names, ROWS):
        hashes.append(rows.row_hashes(table.select(rows.hashed_names(names))))
        frame = as_frame(table.select(wanted))
        first = frame if first is None else first
        pieces.append(beside("model_answers").checked(model.predict(frame), len(frame)))
    ended = time.monotonic()
    prediction, classes, probabilities = model.interpret(pieces, job)
    columns = {"row": numpy.arange(len(prediction)), "hash": numpy.concatenate(hashes), "prediction": prediction}
    columns.update({f"p{place}": probabilities[:, place] for place in range(len(classes))})
    record_smoke(job["smoke"], model, first)
    asked = [job[key] for key in ("task", "label", "group", "positive")]
    write(job["predictions"], columns, {"mlops_ci.classes": json.dumps(classes), "mlops_ci.asked": json.dumps(asked)})
    return {
        "rows": len(prediction),
        "classes": classes,
        "load_seconds": loaded - started,
        "predict_seconds": ended - loaded,
        "row_milliseconds": latency(model, first),
        "peak_memory_mb": peak_memory(),
        "python": sys.version.split()[0],
        "libraries": versions(),
    }


def record_smoke(path: str, model: Any, frame: Any) -> None:
    """A few rows as a request, and the model's own answer: what a server of this model must answer, too.

    No file where there are none, or where a row or an answer holds what JSON has no word for (Decimal, timedelta).
    """
    count, text = 0 if frame is None else min(SMOKE_ROWS, len(frame)), ""
    while count and (not text or len(text) > SMOKE_BYTES):
        rows, count = frame.iloc[:count], count // 2
        found = model.request(rows)
        if found is None:
            return
        answer = {"version": 1, "request": found, "predictions": beside("model_answers").plain(model.alone(rows))}
        try:
            text = json.dumps(answer, allow_nan=False)
        except (TypeError, ValueError) as error:
            print(f"no rows for the smoke: {error}")
            return
    if not text:
        return
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def as_frame(table: Any) -> Any:
    """A table as pandas, with what pandas kept as an index back among the columns."""
    frame = table.to_pandas()
    return (frame.reset_index() if any(name is not None for name in frame.index.names) else frame)[table.column_names]


def write(path: str, columns: Any, notes: Any) -> None:
    """Parquet with notes in its metadata, written beside and renamed."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table(columns).replace_schema_metadata(notes)
    parquet.write_table(table, path + ".new", compression="zstd")
    os.replace(path + ".new", path)


def latency(model: Any, frame: Any) -> float | None:
    """Median milliseconds of one row alone, over a few rows."""
    taken: list[float] = []
    begun = time.monotonic()
    for row in range(min(SINGLE_ROWS, len(frame))):
        started = time.monotonic()
        model.predict(frame.iloc[row : row + 1])
        taken.append(time.monotonic() - started)
        if time.monotonic() - begun > SINGLE_SECONDS:
            break
    return 1000 * sorted(taken)[len(taken) // 2] if taken else None


def versions() -> Any:
    """The libraries that were there, by version."""
    found = {}
    for name in ("mlflow", "numpy", "pandas", "pyarrow", "sklearn", "xgboost", "lightgbm", "catboost", "torch"):
        if name in sys.modules:
            found[name] = str(getattr(sys.modules[name], "__version__", ""))
    return found


def peak_memory() -> float:
    """This process's resident peak in MB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


KINDS: Any = {
    "score": score,
    "measure": lambda job: beside("metric_script").measure(job),
    "watch": lambda job: beside("watch_script").watch(job, beside, write),
    "batch": lambda job: beside("batch_script").score(job, beside, peak_memory),
}

LIBRARIES: Any = {
    "score": ("mlflow.pyfunc", "pyarrow.parquet"),
    "measure": ("numpy", "pyarrow.parquet"),
    "batch": ("mlflow.pyfunc", "pyarrow.parquet"),
    "watch": ("mlflow.pyfunc", "pyarrow.parquet"),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
