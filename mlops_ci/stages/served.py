"""What serving the candidate costs, measured with the real server, and whether clients of the champion can use it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlops_ci.config.types import Model, Serving
from mlops_ci.digests.directory import size_of
from mlops_ci.errors import BackendError, MlopsError
from mlops_ci.ports.say import Say
from mlops_ci.ports.scoring import ServableModel, ServerTrial, TrialJob
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.evaluation import ServingFacts
from mlops_ci.records.models import Candidate
from mlops_ci.stages.contest import Contest, Opponent
from mlops_ci.stages.scoring import SMOKE, Bench, model_directory
from mlops_ci.stages.server_settings import server_settings
from mlops_ci.stages.signatures import Compared, Signature, differences, read_signature


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The server to be tried, and the Pythons, found when they are needed: the one that the server runs in, and the
    user's own, which is enough to look at the model's files."""

    server: ServerTrial
    interpreter: Callable[[], Interpreter]
    own: Callable[[], Interpreter]


@dataclass(frozen=True, kw_only=True)
class Looked:
    """`refused` says which file the server would not load, '' where it would load all; None where nobody looked, or
    could: `broken` says why."""

    refused: str | None = None
    broken: str = ""

    @property
    def against(self) -> str:
        """Why the model is not to be loaded, or ''."""
        return self.refused or self.broken


@dataclass(frozen=True, kw_only=True)
class Served(Looked):
    """`facts` are None where nobody asked for them, or the server could not be measured: `broken` says why.
    `signatures` has what was compared with each champion."""

    model_bytes: int = 0
    facts: ServingFacts | None = None
    signatures: tuple[Compared, ...] = ()


def look(model: Model, candidate: Candidate, *, bench: Bench, trial: Trial) -> Looked:
    """Look at the files where `serving.formats` is set: before anything loads them.

    Raises StaleError where the stored model is not the candidate's.
    """
    if "formats" not in server_settings(model):
        return Looked()
    job = _job(model, candidate, bench)
    try:
        refused = trial.server.refusal(
            job,
            interpreter=trial.own(),
            cwd=bench.workspace.scratch(job.name, "trial"),
            log=bench.workspace.log_path(job.name, "serve-check"),
        )
    except MlopsError as error:
        return Looked(broken=error.message)
    return Looked(refused=refused)


def serve(
    model: Model, candidate: Candidate, contest: Contest, looked: Looked, *, bench: Bench, trial: Trial, say: Say
) -> Served:
    """Compare the signatures; measure what `evaluate.serving` asks for, with the settings that a deploy would use."""
    assert model.evaluate is not None
    limits = model.evaluate.serving or Serving()
    signatures = _signatures(model, candidate, contest, bench) if limits.signature != "ignore" else ()
    found = Served(refused=looked.refused, broken=looked.against, signatures=signatures)
    if not limits.measured and limits.size_mb is None:
        return found
    job = _job(model, candidate, bench)
    found = replace(found, model_bytes=size_of(job.model_directory))
    if not limits.measured or looked.against:
        return found
    try:
        return replace(found, facts=_measure(job, candidate, contest, bench, trial, say))
    except MlopsError as error:
        return replace(found, broken=error.message)


def _job(model: Model, candidate: Candidate, bench: Bench) -> ServableModel:
    scratch = bench.workspace.scratch(model.name, "candidate")
    directory = model_directory(model, candidate.run_id, candidate.model_digest, bench, scratch)
    return ServableModel(
        name=model.name,
        model_directory=directory.resolve(),
        model_digest=candidate.model_digest,
        settings=server_settings(model),
    )


def _measure(
    model: ServableModel, candidate: Candidate, contest: Contest, bench: Bench, trial: Trial, say: Say
) -> ServingFacts:
    smoke = contest.own.smoke
    if smoke is None:
        smoke = bench.tracker.fetch(candidate.run_id, SMOKE, bench.workspace.scratch(model.name, "stored"))
    if smoke is None:
        raise BackendError("there are no recorded rows to ask its server with")
    request = json.loads(smoke.read_text("utf-8"))["request"]
    job = TrialJob(
        name=model.name,
        model_directory=model.model_directory,
        model_digest=model.model_digest,
        settings=model.settings,
        recorded=json.dumps(request).encode(),
        request=json.dumps(_first_row(request)).encode(),
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
    if "inputs" in request:
        return {"inputs": {name: values[:1] for name, values in request["inputs"].items()}}
    return {"instances": request["instances"][:1]}


def _signatures(model: Model, candidate: Candidate, contest: Contest, bench: Bench) -> tuple[Compared, ...]:
    """One for each champion there is: whoever asks it will ask the candidate next."""
    champions = [item for item in contest.opponents.values() if item.version is not None]
    others = [item for item in champions if not item.identical]
    try:
        own = _signature(model, candidate.run_id, "candidate", bench) if others else {}
    except MlopsError as error:
        unknown = f"the candidate's signature is not known: {error.message}"
        return tuple(Compared(environment=item.environment, unknown=unknown) for item in others)
    return tuple(_compared(model, item, own, bench) for item in champions)


def _compared(model: Model, opponent: Opponent, own: Signature, bench: Bench) -> Compared:
    place = opponent.environment
    if opponent.version is None or opponent.identical:
        return Compared(environment=place)
    try:
        known = _signature(model, opponent.version.run_id, f"champion-{place}", bench)
    except MlopsError as error:
        return Compared(environment=place, unknown=f"the champion's signature is not known: {error.message}")
    if not known:
        return Compared(environment=place, nothing="the champion has no signature")
    return Compared(environment=place, changes=differences(known, own))


def _signature(model: Model, run_id: str, role: str, bench: Bench) -> Signature:
    """Raises MlopsError where it can't be read."""
    found = bench.tracker.fetch(run_id, "model/MLmodel", bench.workspace.scratch(model.name, f"signature-{role}"))
    if found is None:
        raise BackendError("its run holds no MLmodel file")
    return read_signature(found)
