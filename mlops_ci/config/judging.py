"""Sense of `evaluate:`: metrics that exist and fit the task, gates and slices that can be answered."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_ci.config.problems import Problem, nearest, shown

CLASSIFICATION = {
    "roc_auc": "higher",
    "average_precision": "higher",
    "log_loss": "lower",
    "brier": "lower",
    "accuracy": "higher",
    "balanced_accuracy": "higher",
    "precision": "higher",
    "recall": "higher",
    "f1": "higher",
    "ece": "lower",
    "top_k_accuracy": "higher",
}
REGRESSION = {"rmse": "lower", "mae": "lower", "medae": "lower", "r2": "higher", "mape": "lower", "pinball": "lower"}
KNOWN = {**CLASSIFICATION, **REGRESSION}
OPTIONS = {"top_k_accuracy": "k", "pinball": "alpha", "ece": "bins"}
SHARES = frozenset(CLASSIFICATION) - {"log_loss", "brier"}  # between 0 and 1, so a limit beyond can't be meant
RELATIVE = ("margin", "require", "confidence")


def judging(path: str, model: dict[str, Any]) -> Iterator[Problem]:
    """Problems of one model's `evaluate`; `path` is the model's."""
    evaluate = model.get("evaluate")
    if evaluate is None:
        return
    path += ".evaluate"
    entries = [item if isinstance(item, dict) else {"name": item} for item in evaluate.get("metrics", [])]
    task = model.get("task", "classification")
    for index, entry in enumerate(entries):
        first = next(other for other in entries if other["name"] == entry["name"])
        yield from _metric(f"{path}.metrics[{index}]", entry, task, again=entry is not first)
    metrics = {entry["name"]: entry for entry in entries}
    for kind in ("gates", "slices"):
        for index, item in enumerate(evaluate.get(kind, [])):
            yield from _measured(f"{path}.{kind}[{index}]", item["metric"], metrics)
    names: set[str] = set()
    for index, gate in enumerate(evaluate.get("gates", [])):
        place = f"{path}.gates[{index}]"
        yield from _gate(place, gate, list(model.get("environments", {})))
        yield from _limits(place, gate, metrics)
        if gate.get("name") and gate["name"] in names:
            message = f"{place}: a gate of the name '{shown(gate['name'])}' stands above"
            yield Problem(path=f"{place}.name", message=message, hint="overrides and reports need names that differ")
        names.add(gate.get("name", ""))
    yield from _holdout(path, model)
    if task == "regression" and evaluate.get("positive"):
        message = f"{path}.positive has no meaning for the task 'regression'"
        yield Problem(path=f"{path}.positive", message=message, hint="remove it")


def _holdout(path: str, model: dict[str, Any]) -> Iterator[Problem]:
    holdout = posixpath.normpath(model["evaluate"]["holdout"])
    if holdout in map(posixpath.normpath, model.get("train", {}).get("data", [])):
        message = f"{path}.holdout is also training data (train.data)"
        hint = "hold rows out: no model is judged on what it learned from"
        yield Problem(path=f"{path}.holdout", message=message, hint=hint)
    if model["evaluate"]["label"] == model["evaluate"].get("group"):
        message = f"{path}.group is the label"
        yield Problem(path=f"{path}.group", message=message, hint="name the column whose rows move together")


def _metric(path: str, entry: Mapping[str, Any], task: str, *, again: bool) -> Iterator[Problem]:
    name = entry["name"]
    if again:
        yield Problem(path=path, message=f"{path}: '{shown(name)}' is there already", hint="give each its own name")
    if entry.get("function"):
        yield from _own_metric(path, entry)
        return
    if name not in KNOWN:
        close = nearest(name, KNOWN)
        hint = f"did you mean '{close}'?" if close else "your own metric needs 'function: module:function'"
        yield Problem(path=path, message=f"{path}: '{shown(name)}' is not a known metric", hint=hint)
        return
    fitting = CLASSIFICATION if task == "classification" else REGRESSION
    if name not in fitting:
        message = f"{path}: '{name}' does not fit the task '{task}'"
        yield Problem(path=path, message=message, hint=f"fitting: {', '.join(fitting)}")
    if entry.get("direction", "") not in ("", KNOWN[name]):
        message = f"{path}: of '{name}', {KNOWN[name]} is better"
        yield Problem(path=f"{path}.direction", message=message, hint="remove 'direction'; it is known")
    for option in entry.get("options", {}):
        if option != OPTIONS.get(name):
            has = f"'{name}' has the option '{OPTIONS[name]}'" if name in OPTIONS else f"'{name}' has no options"
            message = f"{path}: '{name}' has no option '{option}'"
            yield Problem(path=f"{path}.options.{option}", message=message, hint=has)


def _own_metric(path: str, entry: Mapping[str, Any]) -> Iterator[Problem]:
    name = entry["name"]
    if name in KNOWN:
        message = f"{path}: '{name}' is a known metric, and cannot be your own function"
        yield Problem(path=path, message=message, hint="give yours another name, or remove 'function'")
    elif not entry.get("direction"):
        message = f"{path}: '{shown(name)}' does not say which way is better"
        yield Problem(path=path, message=message, hint="add 'direction: higher' or 'direction: lower'")
    if entry.get("options"):
        message = f"{path}: options are for known metrics"
        yield Problem(path=f"{path}.options", message=message, hint="write the values into your function")


def _measured(path: str, metric: str, metrics: Mapping[str, Any]) -> Iterator[Problem]:
    if metric not in metrics:
        close = nearest(metric, metrics)
        hint = f"did you mean '{close}'?" if close else f"add '{shown(metric)}' under 'metrics:'"
        message = f"{path}: '{shown(metric)}' is not among the metrics"
        yield Problem(path=f"{path}.metric", message=message, hint=hint)


def _gate(path: str, gate: Mapping[str, Any], environments: list[str]) -> Iterator[Problem]:
    against = gate.get("against", "")
    limits = [key for key in ("min", "max") if key in gate]
    if len(limits) == 2 and gate["min"] > gate["max"]:
        yield Problem(path=path, message=f"{path}: min is more than max; nothing can pass", hint="swap them")
    if against and limits:
        yield Problem(path=path, message=f"{path} mixes 'against' with '{limits[0]}'", hint="write two gates")
    if not against and not limits:
        message = f"{path}: 'against' is empty"
        yield Problem(path=f"{path}.against", message=message, hint="name an environment, e.g. production")
    for key in RELATIVE if limits and not against else ():
        if key in gate:
            message = f"{path}: '{key}' needs 'against'"
            hint = f"a gate with '{limits[0]}' compares a number with a limit; add a gate 'against' the champion"
            yield Problem(path=f"{path}.{key}", message=message, hint=hint)
    if against and against not in (environments or ["production"]):
        known = (
            f"environments: {', '.join(environments)}" if environments else "without 'environments:' it is production"
        )
        message = f"{path}: there is no environment '{shown(against)}'"
        yield Problem(path=f"{path}.against", message=message, hint=known)


def _limits(path: str, gate: Mapping[str, Any], metrics: Mapping[str, Any]) -> Iterator[Problem]:
    """A share in per cent is the likeliest slip."""
    if gate["metric"] not in SHARES or metrics.get(gate["metric"], {}).get("function"):
        return
    for key in ("min", "max", "margin"):
        if not 0 <= gate.get(key, 0) <= 1:
            message = f"{path}.{key}: '{gate['metric']}' lies between 0 and 1"
            yield Problem(path=f"{path}.{key}", message=message, hint="write 60 % as 0.6")
