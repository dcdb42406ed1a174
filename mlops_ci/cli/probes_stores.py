"""Probes of where data and models are kept: DVC remotes and MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import metadata
from pathlib import Path

from mlops_ci.cli import wiring
from mlops_ci.cli.ground import Ground
from mlops_ci.config.types import Config, Model
from mlops_ci.errors import MlopsError
from mlops_ci.records.doctor import Finding
from mlops_ci.stages.doctor import stores
from mlops_ci.stages.doctor.examine import Probe
from mlops_ci.stages.doctor.findings import of_error, ok

CHILD = 15.0  # seconds for a child, which has to import DVC or MLflow first
PATIENT = 2 * CHILD + 5.0  # seconds for a probe that may need one after the other
ARTIFACTS = "MLflow's artifacts"
SQLITE = "sqlite:///"


def probes(ground: Ground) -> Iterator[Probe]:
    """One for each DVC project, then MLflow's store, registry and artifacts."""
    if ground.config is None:
        return
    if ground.git is not None:
        for name, model in _projects(ground).items():
            look = partial(_remote, model, ground.git.root, name)
            yield Probe(group=stores.GROUP, name=name, look=look, online=True, seconds=PATIENT)
    tracking = ground.config.tracking
    embedded = tracking.uri.startswith(SQLITE)
    look = partial(_embedded if embedded else _tracking, ground, ground.config)
    yield Probe(group=stores.GROUP, name="MLflow", look=look, online=not embedded, seconds=PATIENT)
    if tracking.registry_uri not in ("", tracking.uri):
        look = partial(_registry, ground.config)
        yield Probe(group=stores.GROUP, name="MLflow's registry", look=look, online=True, seconds=PATIENT)
    if stores.elsewhere(tracking.artifacts):
        look = partial(_artifacts, ground.config, tracking.artifacts)
        yield Probe(group=stores.GROUP, name=ARTIFACTS, look=look, online=True, seconds=PATIENT)


def _projects(ground: Ground) -> dict[str, Model]:
    """A model of each DVC project, by what the line is called."""
    found: dict[Path, Model] = {}
    for model in ground.models:
        folder = model.at(model.train.pipeline).parent.resolve()
        root = next((one for one in (folder, *folder.parents) if (one / ".dvc").is_dir()), folder)
        found.setdefault(root, model)
    several = len(found) > 1
    return {"DVC remote" + (f" of {model.name}" if several else ""): model for model in found.values()}


def _remote(model: Model, root: Path, name: str) -> Iterator[Finding]:
    yield stores.judge_remote(wiring.dvc_remote(model, root, seconds=CHILD), name=name)


def _embedded(ground: Ground, config: Config) -> Iterator[Finding]:
    path = config.tracking.uri.removeprefix(SQLITE).partition("?")[0]
    exists = (config.root / path).is_file()
    return stores.judge_embedded(path, exists=exists, on_github=ground.on_github)


def _tracking(ground: Ground, config: Config) -> Iterator[Finding]:
    """The store, and the place outside of it where its server has files put."""
    facts = wiring.tracking_facts(config, config.tracking.uri, seconds=CHILD)
    yield from stores.judge_tracking(facts, client=_client(), artifacts=config.tracking.artifacts)
    if not config.tracking.artifacts and stores.elsewhere(facts.artifacts):
        yield from _artifacts(config, facts.artifacts)


def _registry(config: Config) -> Iterator[Finding]:
    facts = wiring.tracking_facts(config, config.tracking.registry_uri, seconds=CHILD)
    yield ok(stores.GROUP, "MLflow's registry", facts.uri)


def _artifacts(config: Config, place: str) -> Iterator[Finding]:
    try:
        shown = wiring.artifacts_answer(config, place, seconds=CHILD)
    except MlopsError as error:
        yield of_error(stores.GROUP, ARTIFACTS, error)
    else:
        yield ok(stores.GROUP, ARTIFACTS, shown)


def _client() -> str:
    try:
        return metadata.version("mlflow")
    except metadata.PackageNotFoundError:
        return ""
