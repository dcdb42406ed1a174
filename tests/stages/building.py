"""A registered version in a real MLflow, and what packs it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.backends.mlflow.registry import MlflowRegistry
from mlops_ci.backends.mlflow.tracker import MlflowTracker
from mlops_ci.digests.directory import digest_directory
from mlops_ci.io import files
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.building import Builder
from mlops_ci.ports.tracking import TrainedModel
from mlops_ci.records.models import Version
from mlops_ci.serving.code import copy_into
from mlops_ci.stages.build import Yard

URI = "sqlite:///.mlops/mlflow.db"


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


def registered(root: Path, *, builder: Builder) -> Registered:
    """Record a training of one small package, and register it."""
    directory, described = root / "model", root / "described"
    directory.mkdir()
    (directory / "MLmodel").write_text("flavors: {python_function: {loader_module: toy}}\n", "utf-8")
    files.write_text(described / "requirements.txt", "six==1.17.0\n")
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
        tracker=tracker,
        registry=registry,
        builder=builder,
        workspace=Workspace(root),
        requirements=(),
        server_code=copy_into,
    )
    return Registered(root=root, yard=yard, version=version)
