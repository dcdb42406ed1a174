"""Everything a run keeps: the model, and what is needed to rebuild its environment elsewhere."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.config.types import Model
from mlops_ci.digests.inputs import Inputs
from mlops_ci.io import files
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.tracking import TrainedModel
from mlops_ci.records.codec import encode
from mlops_ci.records.results import Origin
from mlops_ci.records.training import TrainingDetails
from mlops_ci.stages.inputs import folder_of

ENVIRONMENT = "environment"


def trained_model(
    model: Model, inputs: Inputs, *, details: TrainingDetails, origin: Origin, root: Path, workspace: Workspace
) -> TrainedModel:
    """A finished training as it is recorded. `root` is the repository's."""
    return TrainedModel(
        model=model.name,
        directory=model.at(model.train.model),
        inputs_digest=inputs.digest,
        model_digest=details.model_digest,
        params=inputs.params,
        metrics={key: value for key, value in details.metrics.items() if value is not None},
        data=inputs.sources,
        tags=_tags(details, origin, folder_of(model, root)),
        files=_files(model, inputs, details, root, workspace),
    )


def _tags(details: TrainingDetails, origin: Origin, folder: str) -> dict[str, str]:
    return {
        "commit": origin.commit,
        "branch": origin.branch,
        "pull_request": origin.pull_request,
        "seconds": "" if details.train_seconds is None else str(details.train_seconds),
        "peak_memory_mb": "" if details.peak_memory_mb is None else str(round(details.peak_memory_mb, 1)),
        "folder": folder,
    }


def _files(model: Model, inputs: Inputs, details: TrainingDetails, root: Path, workspace: Workspace) -> dict[str, Path]:
    """Artifact path → local file. The environment's files keep their paths from the root: they include each other."""
    scratch = workspace.scratch(model.name, "record")
    names = list(inputs.environment)
    files.write_json(scratch / "train.json", encode(details))
    described = {"files": names, "spec": model.train.environment, "python": details.python}
    files.write_json(scratch / "environment.json", described)
    kept = {f"{ENVIRONMENT}/{name}": root / name for name in names}
    return {
        **kept,
        "train.json": scratch / "train.json",
        f"{ENVIRONMENT}/environment.json": scratch / "environment.json",
    }
