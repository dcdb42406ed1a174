"""A shop whose days can be told: commits and moves of aliases at times that a test chooses."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

import pytest

from mlops_ci.backends.mlflow.registry import MlflowRegistry
from mlops_ci.backends.mlflow.tracker import MlflowTracker
from mlops_ci.cli.moment import moment_of
from mlops_ci.config import release_file
from mlops_ci.config.load import load
from mlops_ci.io import clock
from mlops_ci.io.git import Git
from mlops_ci.ports.tracking import TrainedModel
from mlops_ci.records.audit import Audited
from mlops_ci.records.models import Version
from mlops_ci.stages.audit import audit, places, recorded
from mlops_ci.stages.deploy import release_of
from mlops_ci.stages.inputs import model_inputs
from mlops_ci.stages.past import Past
from tests.digests.repository import Repository

URI = "sqlite:///.mlops/mlflow.db"
CONFIG = """\
version: 1
models:
  toy:
    train: {target: train}
    environments:
      staging: {}
      production: {}
"""
DEEPER = "depth: 4\nmodel: {rate: 0.1, unused: 1}\n"
ANN = "Ann <ann@example.com>"


@dataclass(frozen=True)
class Ledger:
    """The shop's repository and registry; `at` sets every clock."""

    repository: Repository
    patch: pytest.MonkeyPatch

    @cached_property
    def registry(self) -> MlflowRegistry:
        return MlflowRegistry(root=self.repository.root, uri=URI, registry_uri=URI)

    def at(self, time: str) -> Ledger:
        """Set the clocks of git and of us, e.g. to `2026-01-31T12:00`, in UTC."""
        self.patch.setenv("GIT_COMMITTER_DATE", f"{time}:00Z")
        moment = datetime.fromisoformat(time).replace(tzinfo=timezone.utc)
        self.patch.setattr(clock, "now", lambda: moment)
        return self

    def version(self, number: int) -> Version:
        return self.registry.versions("toy")[number - 1]

    def name(self, number: int, *, approved: str = ANN) -> str:
        """Commit the release file that names a version for production."""
        release = release_of(self.version(number), load(self.repository.root / "mlops.yaml", {}).models["toy"])
        self.repository.write("releases/toy/production.yaml", release_file.render(release))
        trailer = f"\n\nApproved-by: {approved}" if approved else ""
        return self.repository.commit(f"Promote toy version {number}{trailer}")

    def point(self, number: int, environment: str = "production") -> None:
        """Move an alias, as a deployment does once the new server is smoked."""
        self.registry.point("toy", environment, self.version(number))

    def ask(
        self,
        when: str,
        environment: str = "production",
        *,
        model: str = "toy",
        down: str = "",
        root: Path | None = None,
    ) -> Audited:
        """What served then, told by the clocks of 2026-12-31; `root` is another checkout."""
        config = load((root or self.repository.root) / "mlops.yaml", {})
        git = Git.open(config.root)
        past: Past | str = "shallow" if git.shallow else Past.of(git, config, {})
        moment = moment_of(when, now=datetime(2026, 12, 31, tzinfo=timezone.utc))
        place = next(
            item for item in places(past, config, moment) if (item.model, item.environment) == (model, environment)
        )
        broken = MlflowRegistry(root=self.repository.root, uri=down, registry_uri=down) if down else None
        return audit(place, recorded(model, broken or self.registry), moment, past=past)


def found(root: Path) -> Repository:
    """A pipeline and a registry with two versions, whose inputs are two states of params.yaml; nothing serves."""
    repository = Repository.create(root)
    repository.write("mlops.yaml", CONFIG)
    repository.write(".gitignore", ".mlops/\n")
    repository.pipeline()
    digests = [inputs(repository)]
    repository.write("params.yaml", DEEPER)
    digests.append(inputs(repository))
    repository.git("checkout", "-q", "params.yaml")
    for digest in digests:
        register(repository, digest)
    return repository


def inputs(repository: Repository) -> str:
    """The inputs digest of the toy as the work tree has it."""
    return model_inputs(load(repository.root / "mlops.yaml", {}).models["toy"], repository.project()).digest


def register(repository: Repository, inputs: str) -> None:
    """Record a training with these inputs, and register it from the commit at hand."""
    model = repository.root.parent / "model"
    model.mkdir(exist_ok=True)
    (model / "MLmodel").write_text(inputs)
    candidate = MlflowTracker(root=repository.root, uri=URI).record(
        TrainedModel(
            model="toy",
            inputs_digest=inputs,
            model_digest=inputs[::-1],
            directory=model,
            params={},
            metrics={},
            data={},
        )
    )
    registry = MlflowRegistry(root=repository.root, uri=URI, registry_uri=URI)
    commit = repository.git("rev-parse", "HEAD")
    sources = '{"d.csv": "md5:1", "train.py": "git:2", "kept.csv": "git:3", "lib": "commit:4"}'
    tags = {"commit": commit, "verdict": "better", "judgement": "a" * 64, "holdout": "h1", "data": sources}
    registry.create("toy", candidate, tags=tags)


def copied(source: Repository, into: Path, patch: pytest.MonkeyPatch) -> Ledger:
    """A shop of one's own."""
    shutil.copytree(source.root, into, symlinks=True)
    return Ledger(Repository(into), patch)
