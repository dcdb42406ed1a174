"""A registered version in a real MLflow, and what packs it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.backends.mlflow.registry import MlflowRegistry
from mlops_ci.backends.mlflow.tracker import MlflowTracker
from mlops_ci.backends.scoring.server_trial import LocalServerTrial
from mlops_ci.digests.directory import digest_directory
from mlops_ci.io import files
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.building import Builder
from mlops_ci.ports.tracking import TrainedModel
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.models import Version
from mlops_ci.serving.code import copy_into
from mlops_ci.stages.build import Yard

URI = "sqlite:///.mlops/mlflow.db"


class Here:
    """The tests' own Python, whatever an environment says: nothing is installed to look at a model's files."""

    def prepare(self, *args: Any, **keys: Any) -> Interpreter:
        return Interpreter(path=Path(sys.executable), digest="", version="", description="the tests' own")


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One version, as it was when it was registered."""

    root: Path
    yard: Yard
    version: Version

    def now(self) -> Version:
        """The version as the registry has it."""
        found = self.yard.registry.version_of("toy", self.version.model_digest)
        assert found is not None
        return found

    @property
    def stored(self) -> Path:
        """Where the run keeps the model."""
        return self.root / ".mlops" / "artifacts" / "toy" / self.version.run_id / "artifacts" / "model"


def registered(root: Path, *, builder: Builder, extra: Mapping[str, bytes] | None = None) -> Registered:
    """Record a training of one small package, `extra` files beside its model's, and register it."""
    directory, described = root / "model", root / "described"
    directory.mkdir()
    (directory / "MLmodel").write_text("flavors: {python_function: {loader_module: toy}}\n", "utf-8")
    files.write_text(described / "requirements.txt", "six==1.17.0\n")
    for name, content in (extra or {}).items():
        (root / name).write_bytes(content)
    kept = {"files": ["requirements.txt"], "spec": "", "python": platform.python_version()}
    files.write_json(described / "environment.json", kept)
    tracker = MlflowTracker(root=root, uri=URI)
    trained = TrainedModel(
        model="toy",
        directory=directory,
        inputs_digest="1" * 64,
        model_digest=digest_directory(directory),
        params={},
        metrics={},
        data={},
        files={f"environment/{path.name}": path for path in described.iterdir()},
    )
    registry = MlflowRegistry(root=root, uri=URI, registry_uri=URI)
    version, _ = registry.create("toy", tracker.record(trained), tags={"commit": "c" * 40})
    yard = Yard(
        root=root,
        environments=Here(),
        trial=LocalServerTrial(environ=os.environ, server_code=copy_into),
        tracker=tracker,
        registry=registry,
        builder=builder,
        workspace=Workspace(root),
        requirements=(),
        server_code=copy_into,
    )
    return Registered(root=root, yard=yard, version=version)
