"""Versions and aliases in MLflow's registry.

MLflow has no compare-and-set and no alias history: on one machine a lock keeps two registrations apart, across
machines the lowest number wins and the other is deleted, and each move of an alias goes into a journal of tags.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_ci.backends.mlflow import sqlite as mlflow_sqlite
from mlops_ci.backends.mlflow.client import MlflowStore
from mlops_ci.backends.mlflow.tracker import MODEL_ARTIFACT, PREFIX
from mlops_ci.errors import StaleError
from mlops_ci.io import clock, files
from mlops_ci.records.audit import Move
from mlops_ci.records.models import Candidate, Version

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

JOURNAL = f"{PREFIX}journal."
TIMES = "%Y-%m-%dT%H-%M-%S-%f"  # UTC; a tag's name takes no colons


class MlflowRegistry:
    """Keeps the Registry port."""

    def __init__(self, *, root: Path, uri: str, registry_uri: str) -> None:
        self.runs = MlflowStore(root, uri)
        self.store = MlflowStore(root, registry_uri)

    def champion(self, model: str, environment: str) -> Version | None:
        """The version that the alias named after the environment points to."""
        if self.store.empty:
            return None
        with self.store.calls():
            stored = self._stored(model)
            number = self._model(model, stored)[0].get(environment)
            return self._version(model, number, stored) if number else None

    def version_of(self, model: str, model_digest: str) -> Version | None:
        """The version with this model digest."""
        return next((version for version in self.versions(model) if version.model_digest == model_digest), None)

    def versions(self, model: str) -> tuple[Version, ...]:
        """Every version of a model."""
        if self.store.empty:
            return ()
        with self.store.calls():
            return tuple(self._versions(model))

    def create(self, model: str, candidate: Candidate, *, tags: Mapping[str, str]) -> tuple[Version, bool]:
        """The version of a candidate's model digest, created if there is none."""
        with self.store.calls(), self._one_at_a_time():
            if found := self.version_of(model, candidate.model_digest):
                return found, False
            self._ensure(model)
            source = self._source(candidate.run_id)
            ours = {"model_digest": candidate.model_digest, "inputs": candidate.inputs_digest, **tags}
            created = self.store.client.create_model_version(
                model,
                source,
                run_id=candidate.run_id,
                tags={f"{PREFIX}{key}": value for key, value in ours.items()},
            )
            return self._settle(model, candidate.model_digest, str(created.version))

    def _settle(self, model: str, model_digest: str, number: str) -> tuple[Version, bool]:
        """Another machine may have created one too: the lowest number stays, ours goes if it is not that."""
        first = self.version_of(model, model_digest)
        assert first is not None
        if first.number != number:
            self.store.client.delete_model_version(model, number)
        return first, first.number == number

    def annotate(self, version: Version, tags: Mapping[str, str]) -> Version:
        """Add tags; MLflow has no compare-and-set, so look first, under the lock."""
        with self.store.calls(), self._one_at_a_time():
            now = self._version(version.model, version.number, self._stored(version.model))
            for key, value in tags.items():
                if now.tags.get(key, value) != value:
                    raise StaleError(
                        f"version {version.number} of {version.model} has {key} {now.tags[key]} already, not {value}",
                        hint="what a version says once, it says for good; a new version can say otherwise",
                    )
            missing = {key: value for key, value in tags.items() if key not in now.tags}
            for key, value in missing.items():
                self.store.client.set_model_version_tag(version.model, version.number, f"{PREFIX}{key}", value)
            return replace(now, tags={**now.tags, **missing})

    def point(self, model: str, environment: str, version: Version) -> None:
        """Move the alias. The journal is a tag of the model for each move: `mlops_ci.journal.<time>`."""
        with self.store.calls(), self._one_at_a_time():
            before = self._model(model, self._stored(model))[0].get(environment, "")
            if before == version.number:
                return
            now = clock.now().strftime(TIMES)
            entry = {"environment": environment, "from": before, "to": version.number, "digest": version.model_digest}
            client = self.store.client
            client.set_registered_model_tag(model, f"{JOURNAL}{now}", json.dumps(entry))
            client.set_registered_model_alias(model, environment, version.number)

    def journal(self, model: str) -> tuple[tuple[Move, ...], Mapping[str, str]]:
        """The moves of a model's aliases, read from its tags, and what each alias names now."""
        if self.store.empty:
            return (), {}
        with self.store.calls():
            aliases, tags = self._model(model, self._stored(model))
        entries = ((key, text) for key, text in tags.items() if key.startswith(JOURNAL))
        moves = (_move(key.removeprefix(JOURNAL), text) for key, text in entries)
        known = sorted((move for move in moves if move is not None), key=lambda move: move.at)
        return tuple(known), aliases

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        path = self.store.root / ".mlops" / "locks" / "registry.lock"
        with files.lock(path, busy="", wait=True):
            yield

    def _registered(self, model: str) -> Any:
        found = self.store.client.search_registered_models(f"name = '{model}'")
        return found[0] if found else None

    def _ensure(self, model: str) -> None:
        from mlflow.exceptions import MlflowException

        if self._registered(model) is None:
            try:
                self.store.client.create_registered_model(model)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

    def _source(self, run_id: str) -> str:
        uri = self.runs.client.get_run(run_id).info.artifact_uri
        return f"{uri}/{MODEL_ARTIFACT}"

    def _model(
        self, model: str, stored: mlflow_sqlite.Registered | None
    ) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """(alias → version, tags) of a registered model, empty where there is none."""
        if stored is not None:
            return {alias: str(number) for alias, number in stored.aliases.items()}, stored.tags
        registered = self._registered(model)
        if registered is None:
            return {}, {}
        return {alias: str(number) for alias, number in registered.aliases.items()}, registered.tags

    def _version(self, model: str, number: str, stored: mlflow_sqlite.Registered | None) -> Version:
        if stored is not None and int(number) in stored.versions:
            return _known(model, number, *stored.versions[int(number)])
        return _version(self.store.client.get_model_version(model, number))

    def _versions(self, model: str) -> list[Version]:
        """All of them, the lowest number first."""
        if (stored := self._stored(model)) is not None:
            return [_known(model, str(number), *told) for number, told in stored.versions.items()]
        client = self.store.client
        found = [_version(item) for item in client.search_model_versions(f"name = '{model}'", max_results=10_000)]
        return sorted(found, key=lambda version: int(version.number))

    def _stored(self, model: str) -> mlflow_sqlite.Registered | None:
        """What SQLite says without MLflow; None where MLflow has to be asked."""
        return mlflow_sqlite.read(self.store.database, model) if self.store.database is not None else None


def _version(found: ModelVersion) -> Version:
    return _known(found.name, str(found.version), str(found.run_id), found.tags)


def _known(model: str, number: str, run_id: str, tags: Mapping[str, str]) -> Version:
    ours = {key.removeprefix(PREFIX): value for key, value in tags.items() if key.startswith(PREFIX)}
    return Version(
        model=model,
        number=number,
        run_id=run_id,
        model_digest=ours.get("model_digest", ""),
        inputs_digest=ours.get("inputs", ""),
        tags=ours,
    )


def _move(time: str, text: str) -> Move | None:
    """One entry of the journal, None for what is none of ours."""
    try:
        at, said = datetime.strptime(time, TIMES), json.loads(text)
        return Move(
            environment=str(said["environment"]),
            at=at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            before=str(said["from"]),
            version=str(said["to"]),
            model_digest=str(said["digest"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
