"""What the schema cannot say: paths that stay inside, models that keep apart, values that fit each other."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any

from mlops_ci.config.canary import policy
from mlops_ci.config.databases import unusable
from mlops_ci.config.judging import judging
from mlops_ci.config.problems import Problem, shown
from mlops_ci.config.watching import watching


def semantic(models: dict[str, Any]) -> list[Problem]:
    """Problems of models that fit the schema."""
    problems: list[Problem] = []
    for name, model in models.items():
        path = f"models.{name}"
        problems += [*_paths(path, model), *_datasets(path, model), *judging(path, model)]
        problems += [*_overrides(path, model), *_environments(path, model), *_build(path, model)]
        problems += watching(path, model)
    return [*problems, *_shared_outputs(models)]


def _paths(path: str, model: dict[str, Any]) -> Iterator[Problem]:
    """Paths stay inside the repository: an absolute one differs from machine to machine, `..` may leave it."""
    yield from _inside(f"{path}.path", model.get("path", "."), ".")
    for place, value in _named(model):
        yield from _inside(f"{path}.{place}", value, model.get("path", "."))


def _named(model: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, path) of every file that a model names; a Python of one's own may lie anywhere."""
    train, evaluate = model.get("train", {}), model.get("evaluate", {})
    yield from ((f"train.{key}", train[key]) for key in ("pipeline", "model", "params", "metrics") if key in train)
    yield from ((f"train.data[{index}]", item) for index, item in enumerate(train.get("data", [])))
    if train.get("environment", "").endswith((".txt", ".toml", ".lock", ".in")):
        yield "train.environment", train["environment"]
    if evaluate:
        yield "evaluate.holdout", evaluate["holdout"]
    for index, dataset in enumerate(model.get("validate", [])):
        yield f"validate[{index}].suite", dataset["suite"]
        if "://" not in dataset["data"]:
            yield f"validate[{index}].data", dataset["data"]


def _inside(place: str, value: str, folder: str) -> Iterator[Problem]:
    if value.startswith(("/", "~")) or "\\" in value or value[1:2] == ":":
        message = f"{place} must be a relative path with '/'"
        yield Problem(path=place, message=message, hint="paths count from the model's 'path', which counts from here")
    elif _full(folder, value).split("/")[0] == "..":
        message = f"{place} leads out of the repository"
        yield Problem(path=place, message=message, hint="keep what decides a model in its repository")


def _full(folder: str, value: str) -> str:
    return posixpath.normpath(posixpath.join(folder, value))


def _datasets(path: str, model: dict[str, Any]) -> Iterator[Problem]:
    for index, dataset in enumerate(model.get("validate", [])):
        place = f"{path}.validate[{index}]"
        asked = [key for key in ("table", "query") if dataset.get(key)]
        if "://" not in dataset["data"] and asked:
            message = f"{place} has a '{asked[0]}', but its data is a file"
            yield Problem(path=f"{place}.{asked[0]}", message=message, hint=f"remove '{asked[0]}'")
        elif "://" in dataset["data"] and (reason := unusable(dataset["data"])):
            yield Problem(path=f"{place}.data", message=f"{place}: {reason[0]}", hint=reason[1])
        elif "://" in dataset["data"] and len(asked) != 1:
            hint = "name a 'table', or a 'query' that selects the rows"
            yield Problem(path=place, message=f"{place}: a database needs either 'table' or 'query'", hint=hint)


def _overrides(path: str, model: dict[str, Any]) -> Iterator[Problem]:
    """Dates alone: whether one has passed, and whether there is such a gate, is told when gates are applied."""
    gates: set[str] = set()
    for index, override in enumerate(model.get("overrides", [])):
        place = f"{path}.overrides[{index}]"
        try:
            date.fromisoformat(override["expires"])
        except ValueError:
            message = f"{place}.expires is not a day of the calendar"
            yield Problem(path=f"{place}.expires", message=message, hint="write year, month and day, e.g. 2026-03-31")
        if override["gate"] in gates:
            message = f"{place}: '{shown(override['gate'])}' is overridden twice"
            yield Problem(path=place, message=message, hint="keep one of the two")
        gates.add(override["gate"])


def _environments(path: str, model: dict[str, Any]) -> Iterator[Problem]:
    """Steps ascend, a canary can be judged, and a release is verified where it was before."""
    before: list[str] = []
    for name, environment in model.get("environments", {}).items():
        place = f"{path}.environments.{name}"
        steps = environment.get("canary", {}).get("steps", [])
        if any(one >= two for one, two in pairwise(steps)):
            message = f"{place}.canary.steps must ascend"
            yield Problem(path=f"{place}.canary.steps", message=message, hint=f"e.g. {sorted(set(steps))}")
        yield from _kserve(place, environment)
        yield from _canary(place, environment)
        verified = environment.get("requires", {}).get("verified_in", "")
        if verified and verified not in before:
            message = f"{place}: no environment '{shown(verified)}' comes before it"
            hint = f"before it: {', '.join(before)}" if before else "it is the first one"
            yield Problem(path=f"{place}.requires.verified_in", message=message, hint=hint)
        before.append(name)


def _build(path: str, model: dict[str, Any]) -> Iterator[Problem]:
    """What serves a release elsewhere needs it packed."""
    build = model.get("build", {})
    none, image = build.get("mode") == "none", bool(build.get("image"))
    for name, environment in model.get("environments", {}).items():
        target = environment.get("target", "local")
        if target == "local" or (image and not none) or (target == "kserve" and none):
            continue
        message = f"{path}.environments.{name}: target '{target}' needs an image, and 'build.image' names none"
        hint = "add e.g. build: {image: ghcr.io/you/model}"
        hint += ", or serve the stored files with build: {mode: none}" if target == "kserve" else ""
        yield Problem(path=f"{path}.environments.{name}.target", message=message, hint=hint)
    if build and not none and not image:
        message = f"{path}.build names no image"
        yield Problem(path=f"{path}.build", message=message, hint="add 'image', or 'mode: none', or remove 'build'")


def _kserve(place: str, environment: dict[str, Any]) -> Iterator[Problem]:
    """What KServe can't do, or would not do without a word."""
    if environment.get("target") != "kserve":
        return
    if not environment.get("namespace"):
        message = f"{place}: the target 'kserve' serves in a namespace of the cluster, and none is named"
        yield Problem(path=place, message=message, hint="namespace: … names one that is there")
    if "canary" in environment and environment.get("mode", "Standard") == "Standard":
        message = f"{place}: KServe splits no traffic in Standard mode, and says nothing about it"
        hint = "remove 'canary': pods are replaced one by one, and the release is smoked; or set 'mode: Knative'"
        yield Problem(path=f"{place}.canary", message=message, hint=hint)


def _canary(place: str, environment: dict[str, Any]) -> Iterator[Problem]:
    """What can never end well."""
    if "canary" not in environment:
        return
    asked = policy(environment["canary"])
    if asked.deadline < asked.window:
        message = f"{place}.canary: the deadline of a step is before the end of its window"
        yield Problem(path=f"{place}.canary", message=message, hint="make 'deadline' several times 'window'")
    if not environment.get("prometheus"):
        message = f"{place}: a canary is judged by what Prometheus counts, and no 'prometheus' is named"
        hint = "add its URL, e.g. prometheus: http://prometheus.monitoring:9090"
        yield Problem(path=f"{place}.canary", message=message, hint=hint)


def _shared_outputs(models: dict[str, Any]) -> Iterator[Problem]:
    """Two models that write one directory, or one within the other's, would judge each other's files."""
    owners: dict[str, tuple[str, str]] = {}
    for name, model in models.items():
        written = model.get("train", {}).get("model", "model")
        full = _full(model.get("path", "."), written)
        for other, (owner, _) in owners.items():
            if full == other or full.startswith(f"{other}/") or other.startswith(f"{full}/"):
                within = "the same directory as" if full == other else "into or around that of"
                message = f"models.{name} writes its model to '{shown(written)}', {within} models.{owner}"
                hint = "give each model its own directory in train.model"
                yield Problem(path=f"models.{name}.train.model", message=message, hint=hint)
                break
        owners[full] = (name, written)
