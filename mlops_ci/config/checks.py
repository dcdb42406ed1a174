"""What the schema cannot say: names that must name something, and values that must fit each other."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Iterator
from datetime import date
from typing import Any

from mlops_ci.config.problems import Problem

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


def semantic(document: dict[str, Any]) -> list[Problem]:
    """Problems of a document that fits the schema."""
    problems = []
    for name, model in document["models"].items():
        problems += [*_paths(f"models.{name}", model), *_evaluation(f"models.{name}", model)]
        problems += _overrides(f"models.{name}", model)
    return [*problems, *_shared_outputs(document["models"])]


def _paths(path: str, model: dict[str, Any]) -> Iterator[Problem]:
    """Paths stay inside the repository: an absolute one differs from machine to machine, `..` may leave it."""
    train, evaluate = model.get("train", {}), model.get("evaluate", {})
    named = {f"{path}.path": model.get("path", ".")}
    named |= {f"{path}.train.{key}": train[key] for key in ("pipeline", "model", "params", "metrics") if key in train}
    named |= {f"{path}.train.data[{i}]": item for i, item in enumerate(train.get("data", []))}
    named |= {f"{path}.evaluate.holdout": evaluate["holdout"]} if evaluate else {}
    for index, dataset in enumerate(model.get("validate", [])):
        named[f"{path}.validate[{index}].suite"] = dataset["suite"]
        if "://" not in dataset["data"]:
            named[f"{path}.validate[{index}].data"] = dataset["data"]
    for place, value in named.items():
        if value.startswith(("/", "~")) or "\\" in value or value[1:2] == ":":
            yield Problem(
                path=place,
                message=f"{place} must be a relative path with '/'",
                hint="paths count from the model's 'path'",
            )
        elif posixpath.normpath(posixpath.join(model.get("path", "."), value)).startswith(".."):
            yield Problem(
                path=place,
                message=f"{place} leads out of the repository",
                hint="keep what decides a model in its repository",
            )


def _evaluation(path: str, model: dict[str, Any]) -> Iterator[Problem]:
    evaluate = model.get("evaluate")
    if evaluate is None:
        return
    path += ".evaluate"
    metrics = {m if isinstance(m, str) else m["name"]: m for m in evaluate.get("metrics", [])}
    for index, entry in enumerate(evaluate.get("metrics", [])):
        yield from _metric(f"{path}.metrics[{index}]", entry, model.get("task", "classification"))
    if len(metrics) < len(evaluate.get("metrics", [])):
        yield Problem(
            path=f"{path}.metrics", message=f"{path}.metrics names one metric twice", hint="give each its own name"
        )
    for kind in ("gates", "slices"):
        for index, item in enumerate(evaluate.get(kind, [])):
            yield from _measured(f"{path}.{kind}[{index}]", item["metric"], list(metrics))
    for index, gate in enumerate(evaluate.get("gates", [])):
        yield from _gate(f"{path}.gates[{index}]", gate, list(model.get("environments", {})))
    if evaluate["holdout"] in model.get("train", {}).get("data", []):
        yield Problem(
            path=f"{path}.holdout",
            message=f"{path}.holdout is also training data",
            hint="hold rows out: no model is judged on what it learned from",
        )


def _metric(path: str, entry: Any, task: str) -> Iterator[Problem]:
    name = entry if isinstance(entry, str) else entry["name"]
    own = isinstance(entry, dict) and entry.get("function")
    if own and not entry.get("direction"):
        yield Problem(
            path=path,
            message=f"{path}: '{name}' does not say which way is better",
            hint="add 'direction: higher' or 'direction: lower'",
        )
    elif not own and name not in KNOWN:
        close = difflib.get_close_matches(name, KNOWN, 1)
        yield Problem(
            path=path,
            message=f"{path}: '{name}' is not a known metric",
            hint=f"did you mean '{close[0]}'?" if close else "your own metric needs 'function: module:function'",
        )
    elif not own and name not in (CLASSIFICATION if task == "classification" else REGRESSION):
        fitting = CLASSIFICATION if task == "classification" else REGRESSION
        yield Problem(
            path=path, message=f"{path}: '{name}' does not fit the task '{task}'", hint=f"fitting: {', '.join(fitting)}"
        )


def _measured(path: str, metric: str, metrics: list[str]) -> Iterator[Problem]:
    if metric not in metrics:
        close = difflib.get_close_matches(metric, metrics, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"add '{metric}' under 'metrics:'"
        yield Problem(path=f"{path}.metric", message=f"{path}: '{metric}' is not among the metrics", hint=hint)


def _gate(path: str, gate: dict[str, Any], environments: list[str]) -> Iterator[Problem]:
    if "min" in gate and "max" in gate and gate["min"] > gate["max"]:
        yield Problem(path=path, message=f"{path}: min is more than max; nothing can pass", hint="swap them")
    if gate.get("against") and ("min" in gate or "max" in gate):
        yield Problem(path=path, message=f"{path} mixes 'against' with 'min' or 'max'", hint="write two gates")
    against = gate.get("against")
    if against and against not in (environments or ["production"]):
        known = ", ".join(environments) or "production"
        yield Problem(
            path=f"{path}.against",
            message=f"{path}: there is no environment '{against}'",
            hint=f"environments: {known}",
        )


def _overrides(path: str, model: dict[str, Any]) -> Iterator[Problem]:
    for index, override in enumerate(model.get("overrides", [])):
        place = f"{path}.overrides[{index}]"
        try:
            date.fromisoformat(override["expires"])
        except ValueError:
            yield Problem(path=f"{place}.expires", message=f"{place}.expires is no date", hint="e.g. 2026-03-31")


def _shared_outputs(models: dict[str, Any]) -> Iterator[Problem]:
    """Two models that write one directory would judge each other's files."""
    owners: dict[str, str] = {}
    for name, model in models.items():
        written = posixpath.normpath(
            posixpath.join(model.get("path", "."), model.get("train", {}).get("model", "model"))
        )
        if owners.setdefault(written, name) != name:
            yield Problem(
                path=f"models.{name}.train.model",
                message=f"models.{name} writes '{written}', and so does {owners[written]}",
                hint="give each model its own directory in train.model",
            )
