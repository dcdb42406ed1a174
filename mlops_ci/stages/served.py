"""What serving the candidate costs, measured with the real server, and whether clients of the champion can use it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci import yaml12
from mlops_ci.config.types import Model
from mlops_ci.digests.directory import size_of
from mlops_ci.errors import BackendError, MlopsError
from mlops_ci.ports.say import Say
from mlops_ci.ports.scoring import ServerTrial, TrialJob
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.evaluation import ServingFacts
from mlops_ci.records.models import Candidate
from mlops_ci.stages.contest import Contest
from mlops_ci.stages.scoring import SMOKE, Bench, model_directory


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The server to be tried, and the Python that it runs in, found when it is needed."""

    server: ServerTrial
    interpreter: Callable[[], Interpreter]


@dataclass(frozen=True, kw_only=True)
class Served:
    """`facts` are None where nobody asked for them, or the server could not be measured: `broken` says why.
    `changes` are the differences of the signature from the champion's."""

    model_bytes: int = 0
    facts: ServingFacts | None = None
    broken: str = ""
    changes: tuple[str, ...] = ()


def serve(model: Model, candidate: Candidate, contest: Contest, *, bench: Bench, trial: Trial, say: Say) -> Served:
    """Measure what `evaluate.serving` asks for; nothing where it is absent."""
    assert model.evaluate is not None
    limits = model.evaluate.serving
    if limits is None:
        return Served()
    scratch = bench.workspace.scratch(model.name, "candidate")
    directory = model_directory(model, candidate.run_id, candidate.model_digest, bench, scratch)
    facts, broken = None, ""
    if limits.p99_ms is not None or limits.memory_mb is not None:
        try:
            facts = _measure(model, candidate, contest, directory, bench, trial, say)
        except MlopsError as error:
            broken = error.message
    changes = _changes(model, contest, directory, bench)
    return Served(model_bytes=size_of(directory), facts=facts, broken=broken, changes=changes)


def _measure(
    model: Model, candidate: Candidate, contest: Contest, directory: Path, bench: Bench, trial: Trial, say: Say
) -> ServingFacts:
    smoke = contest.own.smoke
    if smoke is None:
        smoke = bench.tracker.fetch(candidate.run_id, SMOKE, bench.workspace.scratch(model.name, "stored"))
    if smoke is None:
        raise BackendError("there are no recorded rows to ask its server with")
    request = _first_row(json.loads(smoke.read_text("utf-8"))["request"])
    job = TrialJob(
        name=model.name,
        model_directory=directory.resolve(),
        model_digest=candidate.model_digest,
        request=json.dumps(request).encode(),
    )
    say("serving it for a moment, to measure")
    return trial.server.measure(
        job,
        interpreter=trial.interpreter(),
        cwd=bench.workspace.scratch(model.name, "trial"),
        log=bench.workspace.log_path(model.name, "serve"),
    )


def _first_row(request: Mapping[str, Any]) -> Any:
    """The same request with its first row alone."""
    if "dataframe_split" in request:
        split = request["dataframe_split"]
        return {"dataframe_split": {**split, "data": split["data"][:1]}}
    return {"instances": request["instances"][:1]}


def _changes(model: Model, contest: Contest, directory: Path, bench: Bench) -> tuple[str, ...]:
    """How the signature differs from the champion's; nothing where there is no champion, or it can't be read."""
    version = contest.main.version
    if version is None or contest.main.identical:
        return ()
    try:
        stored = bench.tracker.fetch(version.run_id, "model/MLmodel", bench.workspace.scratch(model.name, "champion"))
    except MlopsError:
        return ()
    before, after = (signature(path) for path in (stored, directory / "MLmodel"))
    return tuple(
        change for side in ("inputs", "outputs") for change in differences(side, before.get(side), after.get(side))
    )


def signature(path: Path | None) -> dict[str, dict[str, str]]:
    """inputs and outputs of an MLmodel file: name (its position, where it has none) → type."""
    if path is None:
        return {}
    try:
        known = yaml12.load(path.read_bytes()).value.get("signature") or {}
        return {
            side: {
                str(item.get("name", place)): str(item.get("type") if item.get("type") != "tensor" else item)
                for place, item in enumerate(json.loads(known[side]))
            }
            for side in ("inputs", "outputs")
            if known.get(side)
        }
    except (OSError, ValueError, AttributeError, TypeError, yaml12.YamlError):
        return {}


def differences(side: str, before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> list[str]:
    """In words, e.g. `input dest is gone`."""
    if before is None or after is None:
        return []
    what = side.removesuffix("s")
    gone = [f"{what} {name} is gone" for name in before if name not in after]
    new = [f"{what} {name} is new" for name in after if name not in before]
    retyped = [
        f"{what} {name}: {before[name]} → {after[name]}"
        for name in before
        if name in after and before[name] != after[name]
    ]
    return [*gone, *new, *retyped]
