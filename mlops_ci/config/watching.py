"""Sense of `drift:`: windows that can be cut, sources that can be asked, a metric that is measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops_ci.config.databases import unusable
from mlops_ci.config.problems import Problem, nearest, shown

S3 = "s3://"


def watching(path: str, model: dict[str, Any]) -> Iterator[Problem]:
    """Problems of one model's `drift`; `path` is the model's."""
    drift = model.get("drift", {})
    path += ".drift"
    yield from _source(path, drift)
    window, time = drift.get("window", "file"), drift.get("time", "")
    if window[-1:] in "mhd" and not time:
        message = f"{path}.window is a length of time, and no 'time' names the column to go by"
        yield Problem(path=f"{path}.window", message=message, hint="add e.g. 'time: mlops_time'")
    if drift.get("consecutive", 2) > drift.get("history", 6):
        message = f"{path}.consecutive is more than 'history', the windows that are looked at"
        yield Problem(path=f"{path}.consecutive", message=message, hint="raise 'history'")
    for name in drift.get("ignore", []):
        if name in drift.get("columns", {}):
            message = f"{path}.ignore leaves out '{shown(name)}', which has a threshold under 'columns'"
            yield Problem(path=f"{path}.ignore", message=message, hint="remove it from one of the two")
    yield from _labels(f"{path}.labels", drift.get("labels", {}), model)


def _source(path: str, drift: dict[str, Any]) -> Iterator[Problem]:
    current = drift.get("current", "")
    asked = [key for key in ("table", "query") if drift.get(key)]
    if drift.get("engine") == "spark":
        yield from _spark(path, drift)
    if "://" not in current or current.startswith(S3):
        if asked:
            message = f"{path} has a '{asked[0]}', but its rows are files"
            yield Problem(path=f"{path}.{asked[0]}", message=message, hint=f"remove '{asked[0]}'")
        return
    if reason := unusable(current):
        yield Problem(path=f"{path}.current", message=f"{path}: {reason[0]}", hint=reason[1])
    if len(asked) != 1:
        hint = "name a 'table', or a 'query' that selects the rows"
        yield Problem(path=f"{path}.current", message=f"{path}: a database needs either 'table' or 'query'", hint=hint)
    if drift.get("window", "file")[-1:] not in "mhd":
        message = f"{path}: the rows of a database have no files and no order; windows must be lengths of time"
        yield Problem(path=f"{path}.window", message=message, hint="e.g. 'window: 1d', and 'time' with the column")


def _spark(path: str, drift: dict[str, Any]) -> Iterator[Problem]:
    current = drift.get("current", "")
    if "://" in current and not current.startswith(S3):
        message = f"{path}: a database counts its rows itself; Spark is for files"
        yield Problem(path=f"{path}.engine", message=message, hint="'engine: duckdb' leaves Evidently out")
    elif drift.get("window", "file")[-1:] not in "mhd":
        message = f"{path}: to Spark rows have no files and no order; windows must be lengths of time"
        yield Problem(path=f"{path}.window", message=message, hint="e.g. 'window: 1d', and 'time' with the column")


def _labels(path: str, labels: dict[str, Any], model: dict[str, Any]) -> Iterator[Problem]:
    if labels.get("data") and not labels.get("key"):
        message = f"{path} names no 'key' to join rows and labels by"
        yield Problem(path=path, message=message, hint="name a column that both have, e.g. an id")
    metric = labels.get("metric", "")
    entries = model.get("evaluate", {}).get("metrics", [])
    names = [item if isinstance(item, str) else item["name"] for item in entries]
    if metric and metric not in names:
        close = nearest(metric, names)
        hint = f"did you mean '{close}'?" if close else "name one of 'evaluate.metrics': the holdout's value is needed"
        message = f"{path}.metric: '{shown(metric)}' is not among the metrics"
        yield Problem(path=f"{path}.metric", message=message, hint=hint)
