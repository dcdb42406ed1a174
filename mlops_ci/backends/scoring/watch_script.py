"""What watching a model needs of the model itself: answers on a sample, and what each column is worth on the holdout.

Loaded by the scorer script in the user's environment; like its neighbours it imports nothing of ours.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

ROWS = 100_000
LEAST = 1e-15  # a probability that a log loss can be taken of


def watch(job: Any, beside: Any, write: Any) -> Any:
    """Answer the rows of `sample` into `predictions`, and measure importance where there is a `holdout`."""
    model = beside("model_answers").load(job)
    rows = beside("row_hash")
    names = rows.column_names(job["sample"])
    inputs = model.columns(names, job)
    served, pieces = [], []
    for table in rows.read_batches(job["sample"], names, ROWS):
        frame = table.select(inputs).to_pandas()
        served.append(answers(model.alone(frame)))
        pieces.append(beside("model_answers").checked(model.predict(frame), len(frame)))
    predicted = joined(served)
    write_answers(job, model, pieces, predicted, write)
    found = importance(job, model, beside, inputs) if job["holdout"] else {}
    return {"inputs": inputs, "predictions": sorted(predicted), **found}


def answers(found: Any) -> Any:
    """What the model server would answer, by name: one answer is `prediction`, of several each has its own."""
    import numpy

    if hasattr(found, "columns"):
        names = [str(name) for name in found.columns]
        columns = [found.iloc[:, place].to_numpy() for place in range(len(names))]
    else:
        values = numpy.asarray(found)
        values = values.reshape(len(values), -1)
        names = [str(place) for place in range(values.shape[1])]
        columns = [values[:, place] for place in range(values.shape[1])]
    if len(names) == 1:
        return {"prediction": columns[0]}
    return {f"prediction_{name}": column for name, column in zip(names, columns)}  # noqa: B905 - Python 3.8


def joined(pieces: Any) -> Any:
    """The answers of all batches."""
    import numpy

    return {name: numpy.concatenate([piece[name] for piece in pieces]) for name in (pieces[0] if pieces else {})}


def write_answers(job: Any, model: Any, pieces: Any, served: Any, write: Any) -> None:
    """One row a row: what is served; and, for metrics, the class and each class's probability."""
    columns = {name: plain(values) for name, values in served.items()}
    classes: list[str] = []
    try:
        answer, classes, probabilities = model.interpret(pieces, job)
        columns["answer"] = plain(answer)
        columns.update({f"p{place}": probabilities[:, place] for place in range(len(classes))})
    except Exception as error:  # what is served is watched all the same; metrics have no value then
        print(f"the answers are no predictions of the label: {error}")
    write(job["predictions"], columns, {"mlops_ci.classes": json.dumps(classes)})


def plain(values: Any) -> Any:
    """Values that Arrow takes: what is neither number nor text becomes text."""
    if values.dtype.kind in "biuf":
        return values
    return [None if value is None else str(value) for value in values.tolist()]


def importance(job: Any, model: Any, beside: Any, inputs: Any) -> Any:
    """column → mean rise of the loss when its values are shuffled (Breiman 2001, Machine Learning 45:5).

    Every column is shuffled once before any is shuffled again, until the repeats are done or the time is up.
    """
    import numpy

    random = numpy.random.default_rng(job["seed"])
    frame, label = holdout(job, beside, random, inputs)
    measure = loss_of(job, model, label, beside)
    name, base = measure(frame)
    rises: dict[str, list[float]] = {column: [] for column in inputs}
    begun, late = time.monotonic(), False
    for _ in range(job["repeats"]):
        for column in inputs:
            if late:
                break
            order = random.permutation(len(frame))
            shuffled = frame.assign(**{column: frame[column].iloc[order].set_axis(frame.index)})
            rises[column].append(measure(shuffled)[1] - base)
            late = time.monotonic() - begun > job["seconds"]
    found = {column: finite(sum(values) / len(values)) if values else None for column, values in rises.items()}
    return {"importance": found, "loss": finite(base), "loss_name": name, "rows": len(frame), "whole": not late}


def holdout(job: Any, beside: Any, random: Any, inputs: Any) -> Any:
    """(frame of the inputs, label) of a seeded part of the holdout."""
    import numpy
    import pyarrow

    rows = beside("row_hash")
    wanted = [*inputs, job["label"]]
    parts = list(rows.read_batches(job["holdout"], wanted, ROWS))
    count = sum(part.num_rows for part in parts)
    chosen = numpy.sort(random.permutation(count)[: job["rows"]])
    table = pyarrow.concat_tables(parts).take(pyarrow.array(chosen))
    return table.select(inputs).to_pandas(), table.column(job["label"])


def loss_of(job: Any, model: Any, label: Any, beside: Any) -> Any:
    """A function from a frame to (the loss's name, its mean)."""
    import numpy

    rows = beside("row_hash")
    if job["task"] == "regression":
        truth = label.to_numpy().astype("float64")
    else:
        codes, names = rows.spelled(label)
        truth = numpy.array(names, dtype=object)[codes]

    def measure(frame: Any) -> Any:
        answer, classes, probabilities = model.interpret([model.predict(frame)], job)
        if job["task"] == "regression":
            return "squared error", float(numpy.mean((answer - truth) ** 2))
        if not classes:
            return "share of wrong answers", float(numpy.mean(answer != truth))
        places = numpy.array([classes.index(name) if name in classes else -1 for name in truth])
        chance = numpy.where(places >= 0, probabilities[numpy.arange(len(truth)), places], 0.0)
        return "log loss", float(-numpy.mean(numpy.log(numpy.clip(chance, LEAST, 1.0))))

    return measure


def finite(value: Any) -> Any:
    """A number JSON has a word for."""
    return value if value is not None and math.isfinite(value) else None
