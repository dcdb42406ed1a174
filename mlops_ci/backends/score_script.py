"""Scores an MLflow model, or measures the user's own metrics, in the user's environment: `python score_script.py JOB`.

A script of its own: it imports the standard library and what MLflow brings (numpy, pandas, pyarrow), nothing of
ours, since nothing of ours is installed there. Whatever the user's code prints goes to the log; the answer is the
file that the job names. Our own side imports the row hash and the spelling of labels from here, so that both agree.
"""

import hashlib
import importlib
import json
import os
import sys
import time
import traceback

BATCH = 100_000
FAILED = 3


def main(path):
    """Run one job; exit 3 with one line `mlops-ci: …` last where it can't be done."""
    with open(path, encoding="utf-8") as file:
        job = json.load(file)
    sys.path.insert(0, os.getcwd())
    try:
        answer = {"score": score, "measure": measure}[job["kind"]](job)
    except Refused as error:
        print(f"mlops-ci: {error}", flush=True)
        return FAILED
    except Exception as error:
        traceback.print_exc()
        sys.stderr.flush()
        print(f"mlops-ci: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", flush=True)
        return FAILED
    with open(job["answer"] + ".new", "w", encoding="utf-8") as file:
        json.dump(answer, file)
    os.replace(job["answer"] + ".new", job["answer"])
    return 0


class Refused(Exception):
    """The job can't be done, and the message says why."""


def read_table(path):
    """A CSV or Parquet file as pandas."""
    import pandas

    if path.endswith((".parquet", ".pq")):
        return pandas.read_parquet(path)
    return pandas.read_csv(path, sep="\t" if path.endswith(".tsv") else ",", low_memory=False)


def score(job):
    """Predict every row of the holdout and write one row for each: position, hash, prediction, probabilities."""
    import numpy
    import pandas

    data = read_table(job["data"])
    hashes = row_hashes(data)
    started = time.monotonic()
    predict, wanted = load(job)
    loaded = time.monotonic()
    features = select(data, wanted, job["label"])
    parts = [predict(features.iloc[start : start + BATCH]) for start in range(0, len(features), BATCH)]
    ended = time.monotonic()
    classes = next((part[1] for part in parts if part[1]), [])
    predictions = numpy.concatenate([numpy.asarray(part[0]) for part in parts]) if parts else numpy.empty(0)
    if len(predictions) != len(data):
        raise Refused(f"the model gave {len(predictions):,} predictions for {len(data):,} rows")
    columns = {"row": numpy.arange(len(data)), "hash": hashes, "prediction": spell(predictions, job["task"])}
    if classes:
        probabilities = numpy.concatenate([part[2] for part in parts])
        if probabilities.shape != (len(data), len(classes)):
            raise Refused(f"the model gave probabilities of shape {probabilities.shape} for {len(data):,} rows")
        columns.update({f"p{i}": probabilities[:, i].astype("float64") for i in range(len(classes))})
    write(pandas.DataFrame(columns), job["predictions"], classes)
    return {
        "rows": len(data),
        "load_seconds": loaded - started,
        "predict_seconds": ended - loaded,
        "peak_memory_mb": peak_memory(),
        "python": sys.version.split()[0],
    }


def write(frame, path, classes):
    """Parquet with the classes in its metadata, written beside and renamed."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({b"mlops_ci.classes": json.dumps(classes).encode()})
    parquet.write_table(table, path + ".new")
    os.replace(path + ".new", path)


def load(job):
    """(predict, wanted columns or None). predict takes a frame and gives (predictions, classes, probabilities)."""
    import logging

    from mlflow import pyfunc

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    directory = job["model_directory"]
    model = pyfunc.load_model(directory)
    schema = model.metadata.get_input_schema()
    wanted = schema.input_names() if schema is not None and schema.has_input_names() else None
    if job["task"] == "regression":
        return lambda frame: (numbers(model.predict(frame)), [], None), wanted
    raw = model.get_raw_model() if "sklearn" in model.metadata.flavors else None
    if hasattr(raw, "predict_proba") and hasattr(raw, "classes_"):
        return lambda frame: from_probabilities(raw.predict_proba(frame), spell(raw.classes_, job["task"])), wanted
    return lambda frame: interpret(model.predict(frame), job), wanted


def from_probabilities(probabilities, classes):
    """The most probable class of each row."""
    import numpy

    classes = [str(name) for name in classes]
    return numpy.array(classes, dtype=object)[probabilities.argmax(axis=1)], classes, probabilities


def interpret(found, job):
    """What a pyfunc model gave: labels, the probability of class 1, or a column of probabilities for each class."""
    import numpy

    names = [str(name) for name in getattr(found, "columns", [])]
    values = numpy.asarray(found)
    if values.ndim == 2 and values.shape[1] == 1:
        values, names = values[:, 0], []
    if values.ndim == 2:
        classes = names if names and not names[0].isdigit() else [str(i) for i in range(values.shape[1])]
        return from_probabilities(values.astype("float64"), classes)
    if values.dtype.kind == "f" and not numpy.all(values == numpy.round(values)):
        if values.min() < 0 or values.max() > 1:
            raise Refused("the model gave numbers that are neither classes nor probabilities")
        return from_probabilities(numpy.column_stack([1 - values, values]), ["0", "1"])
    return spell(values, job["task"]), [], None


def numbers(found):
    """Predictions of a regression, flat."""
    import numpy

    values = numpy.asarray(found, dtype="float64")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise Refused(f"the model gave predictions of shape {values.shape}; a regression needs one number a row")
    return values


def select(data, wanted, label):
    """The columns the model asks for: those of its signature, else all but the label."""
    if wanted is None:
        return data.drop(columns=[label], errors="ignore")
    missing = [name for name in wanted if name not in data.columns]
    if missing:
        raise Refused(f"the model needs the column '{missing[0]}', which the holdout lacks")
    return data[list(wanted)]


def spell(values, task):
    """Class labels as text, alike however they are stored: 1, 1.0 and '1' are one class; numbers as float64."""
    import numpy

    array = numpy.asarray(values)
    if task == "regression":
        return array.astype("float64")
    unique, codes = numpy.unique(array.astype(object) if array.dtype.kind == "O" else array, return_inverse=True)
    return numpy.array([label_text(value) for value in unique], dtype=object)[codes]


def label_text(value):
    """One label as text."""
    if isinstance(value, float) or type(value).__name__.startswith("float"):
        return str(int(value)) if value == value and value == int(value) else str(value)
    if type(value).__name__ in ("bool", "bool_"):
        return str(int(value))
    return str(value)


def row_hashes(frame):
    """A 64-bit hash of each row's values, whatever the columns' order, library version, or storage type.

    Numbers hash as float64 (so 1, 1.0 and True agree), times as nanoseconds, everything else as its text; a missing
    value is the same in every type.
    """
    import numpy
    from pandas.util import hash_array

    total = numpy.zeros(len(frame), dtype="uint64")
    for name in sorted(map(str, frame.columns)):
        column = frame[name]
        values = canonical_values(column)
        name_hash = numpy.uint64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") | 1)
        hashed = hash_array(values, categorize=True)
        total = total * numpy.uint64(6364136223846793005) + hashed * name_hash
    return total


def canonical_values(column):
    """A column as float64, or as text, missing values alike."""
    import numpy
    from pandas.api import types

    if types.is_datetime64_any_dtype(column.dtype):
        stamps = column.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(column.dt, "tz", None) else column
        return stamps.to_numpy("datetime64[ns]").astype("int64").astype("float64") + 0.0
    if types.is_bool_dtype(column.dtype) or types.is_numeric_dtype(column.dtype):
        values = column.to_numpy("float64", na_value=numpy.nan) + 0.0
        values[numpy.isnan(values)] = numpy.nan
        return values
    missing = column.isna().to_numpy()
    values = column.astype(str).to_numpy(dtype=object)
    values[missing] = "\0missing"
    return values


def measure(job):
    """The user's own metrics, on all rows and on seeded resamples of them, alike for every model."""
    import numpy

    data = read_table(job["data"])
    truth = spell(data[job["label"]].to_numpy(), job["task"])
    codes = numpy.unique(data[job["group"]].astype(str), return_inverse=True)[1] if job["group"] else None
    roles = {role: answers(path, job["task"]) for role, path in job["predictions"].items()}
    found = {}
    for name, target in job["functions"].items():
        function = resolve(target)
        random = numpy.random.default_rng(job["seed"])
        found[name] = {role: [value_of(function, truth, given)] for role, given in roles.items()}
        for _ in range(job["replicates"]):
            rows = resample(random, len(truth), codes)
            for role, given in roles.items():
                found[name][role].append(value_of(function, truth[rows], given[rows]))
    return found


def answers(path, task):
    """What a metric is called with: numbers for a regression or two classes' probability, else labels."""
    from pyarrow import parquet

    table = parquet.read_table(path)
    if task == "classification" and "p1" in table.column_names and "p2" not in table.column_names:
        return table.column("p1").to_numpy()
    return table.column("prediction").to_pandas().to_numpy()


def resample(random, count, codes):
    """Rows drawn with replacement; with clusters, whole clusters are drawn."""
    import numpy

    if codes is None:
        return random.integers(0, count, count)
    order = numpy.argsort(codes, kind="stable")
    ends = numpy.cumsum(numpy.bincount(codes))
    drawn = random.integers(0, len(ends), len(ends))
    return numpy.concatenate([order[(ends[i - 1] if i else 0) : ends[i]] for i in drawn])


def resolve(target):
    """`module:function` as a function. Raises Refused."""
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Refused(f"the metric '{target}' can't be imported: {error}") from None


def value_of(function, truth, given):
    """A finite number, or None."""
    import math

    numeric = truth
    try:
        numeric = truth.astype("float64")
    except (ValueError, TypeError):
        pass
    value = float(function(numeric, given))
    return value if math.isfinite(value) else None


def peak_memory():
    """This process's resident peak in MB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
