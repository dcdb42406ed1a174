"""Measures the user's own metrics in the user's environment; loaded by the scorer script.

A metric is called as f(y_true, y_score). For two classes `y_true` is 1 for the positive class and `y_score` its
probability (the predicted class, 0 or 1, where a model gives none); for more classes both are labels; in a regression
both are numbers. A function with a third parameter `rows` also gets these rows of the holdout, as pandas.

Intervals come from resamples that are the same for both models. Above `LARGEST` rows a resample is smaller than the
data, and its deviations are scaled down by the root of the ratio (m out of n bootstrap; Bickel, Götze & van Zwet
1997, Statistica Sinica 7:1), so that a metric costs the same on any holdout.
"""

from __future__ import annotations

import importlib
import inspect
import math
import sys
from typing import Any

LARGEST = 20_000


class Refused(Exception):
    """The job can't be done, and the message says why."""


def measure(job: Any) -> Any:
    """metric → role → [value, replicate 1, …]."""
    import numpy

    functions = {name: resolve(target) for name, target in job["functions"].items()}
    truth, given = answers(job)
    everything: Any = rows_of(job) if any(wants_rows(function) for function in functions.values()) else None
    groups = group_codes(job)
    found: dict[str, dict[str, list[Any]]] = {name: {role: [] for role in given} for name in functions}
    plan = resamples(numpy.random.default_rng(job["seed"]), len(truth), groups, job["replicates"])
    for scale, rows in [(1.0, None), *plan]:
        part = slice(None) if rows is None else rows
        for name, function in functions.items():
            for role, scores in given.items():
                extra = {"rows": everything.iloc[part]} if wants_rows(function) else {}
                value = number(function(truth[part], scores[part], **extra))
                found[name][role].append(scaled(value, found[name][role], scale))
    return found


def resolve(target: str) -> Any:
    """`module:function` as a function. Raises Refused where there is none."""
    module, _, name = target.partition(":")
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise Refused(f"the metric '{target}' can't be imported: no module '{error.name}'") from None
    if not callable(getattr(loaded, name, None)):
        raise Refused(f"the metric '{target}' can't be used: '{module}' has no function '{name}'")
    return getattr(loaded, name)


def wants_rows(function: Any) -> bool:
    """Whether a function has a parameter `rows`."""
    try:
        return "rows" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def answers(job: Any) -> Any:
    """(truth, role → what a metric is called with)."""
    import numpy
    from pyarrow import parquet

    rows = sys.modules["mlops_ci_row_hash"]
    tables = {role: parquet.read_table(path) for role, path in job["predictions"].items()}
    column = column_of(job, job["label"])
    if job["task"] == "regression":
        return column.to_numpy().astype("float64"), {
            role: t.column("prediction").to_numpy() for role, t in tables.items()
        }
    codes, names = rows.spelled(column)
    positive = job["positive"]
    if not positive:
        labels = {role: t.column("prediction").to_numpy() for role, t in tables.items()}
        return numpy.array(names, dtype=object)[codes], labels
    place = names.index(positive) if positive in names else -2
    return (codes == place).astype("int64"), {role: score_of(table, positive) for role, table in tables.items()}


def score_of(table: Any, positive: str) -> Any:
    """The probability of the positive class, or 1 where it is predicted."""
    import json

    classes = json.loads((table.schema.metadata or {}).get(b"mlops_ci.classes", b"[]"))
    if positive in classes:
        return table.column(f"p{classes.index(positive)}").to_numpy()
    return (table.column("prediction").to_numpy() == positive).astype("int64")


def rows_of(job: Any) -> Any:
    """The holdout as pandas."""
    import pyarrow

    rows = sys.modules["mlops_ci_row_hash"]
    names = rows.column_names(job["data"])
    return pyarrow.concat_tables(rows.read_batches(job["data"], names)).to_pandas(ignore_metadata=True)


def column_of(job: Any, name: str) -> Any:
    """One column of the holdout."""
    import pyarrow

    rows = sys.modules["mlops_ci_row_hash"]
    return pyarrow.concat_tables(rows.read_batches(job["data"], [name])).column(name)


def group_codes(job: Any) -> Any:
    """A number for each cluster, by row; None where rows are independent."""
    if not job["group"]:
        return None
    codes, _ = sys.modules["mlops_ci_row_hash"].spelled(column_of(job, job["group"]))
    return codes + 1


def resamples(random: Any, count: int, groups: Any, replicates: int) -> Any:
    """(scale, rows) of each resample: rows, or whole clusters, drawn with replacement."""
    import numpy

    units = count if groups is None else int(groups.max()) + 1
    drawn = min(units, max(1, round(units * min(1.0, LARGEST / count))))
    scale = math.sqrt(drawn / units)
    if groups is None:
        return ((scale, random.integers(0, count, drawn)) for _ in range(replicates))
    order = numpy.argsort(groups, kind="stable")
    members = numpy.split(order, numpy.cumsum(numpy.bincount(groups))[:-1])
    members = [rows for rows in members if len(rows)]
    drawn = min(drawn, len(members))
    return (
        (scale, numpy.concatenate([members[unit] for unit in random.integers(0, len(members), drawn)]))
        for _ in range(replicates)
    )


def number(value: Any) -> Any:
    """A finite number, or None. Raises Refused for anything else."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise Refused(f"a metric gave {type(value).__name__} and not a number") from None
    return found if math.isfinite(found) else None


def scaled(value: Any, before: list[Any], scale: float) -> Any:
    """A replicate brought from the size of its resample to the size of the data, around the metric's value."""
    if not before or value is None or before[0] is None:
        return value
    return before[0] + scale * (value - before[0])
