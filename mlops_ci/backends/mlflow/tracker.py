"""Runs in MLflow: one run a training, found again by its inputs digest.

The tag `mlops_ci.complete` is written last, so a run that a kill left half-written is never a candidate.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mlops_ci.backends.mlflow.client import MlflowStore
from mlops_ci.ports.tracking import TrainedModel
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.models import Candidate, Judgement

if TYPE_CHECKING:
    from mlflow.entities import Run

PREFIX = "mlops_ci."
MODEL_ARTIFACT = "model"
BATCH = 100
LONGEST_PARAM = 500


class MlflowTracker:
    """Keeps the Tracker port."""

    def __init__(self, *, root: Path, uri: str, artifacts: str = "") -> None:
        self.mlflow = MlflowStore(root, uri)
        self.artifacts = artifacts

    def find(self, model: str, inputs_digest: str) -> Candidate | None:
        """The newest complete run with this inputs digest."""
        if self.mlflow.empty:
            return None
        return self._find(model, f"tags.`{PREFIX}inputs` = '{inputs_digest}'")

    def load(self, run_id: str) -> Candidate:
        """The candidate of one run. Raises BackendError where there is no such run, or it is not ours."""
        client = self.mlflow.client
        with self.mlflow.calls():
            run = client.get_run(run_id)
        return _candidate(run.data.tags.get(f"{PREFIX}model", ""), run)

    def _find(self, model: str, query: str) -> Candidate | None:
        client = self.mlflow.client
        with self.mlflow.calls():
            experiment = client.get_experiment_by_name(model)
            if experiment is None:
                return None
            runs = client.search_runs(
                [experiment.experiment_id],
                f"{query} and tags.`{PREFIX}complete` = '1'",
                order_by=["attributes.start_time DESC"],
                max_results=1,
            )
        return _candidate(model, runs[0]) if runs else None

    def record(self, trained: TrainedModel) -> Candidate:
        """Log a training: parameters, metrics, files, the model byte for byte, and last that it is complete."""
        known = f"tags.`{PREFIX}inputs` = '{trained.inputs_digest}' and tags.`{PREFIX}model_digest` = "
        if (found := self._find(trained.model, f"{known}'{trained.model_digest}'")) is not None:
            return found
        client = self.mlflow.client
        with self.mlflow.calls():
            run = client.create_run(self._experiment(trained.model), tags=_tags(trained))
            self._log_values(run.info.run_id, trained)
            client.log_artifacts(run.info.run_id, str(trained.directory), MODEL_ARTIFACT)
            for artifact, path in trained.files.items():
                self.store(run.info.run_id, artifact, path)
            client.set_tag(run.info.run_id, f"{PREFIX}complete", "1")
            client.set_terminated(run.info.run_id)
            return _candidate(trained.model, client.get_run(run.info.run_id))

    def _experiment(self, model: str) -> str:
        client = self.mlflow.client
        if (found := client.get_experiment_by_name(model)) is not None:
            return str(found.experiment_id)
        place = self.artifacts
        if not place and self.mlflow.database is not None:
            place = (self.mlflow.root / ".mlops" / "artifacts").resolve().as_uri()
        return str(client.create_experiment(model, artifact_location=f"{place}/{model}" if place else None))

    def _log_values(self, run_id: str, trained: TrainedModel) -> None:
        from mlflow.entities import Metric, Param

        params = [Param(_safe(key), value[:LONGEST_PARAM]) for key, value in trained.params.items()]
        metrics = [Metric(_safe(key), value, 0, 0) for key, value in trained.metrics.items()]
        for start in range(0, max(len(params), len(metrics)), BATCH):
            end = start + BATCH
            self.mlflow.client.log_batch(run_id, metrics=metrics[start:end], params=params[start:end])

    def judge(self, run_id: str, judgement: Judgement, *, files: Mapping[str, Path]) -> None:
        """Attach a judgement; its files go up first, so that a judgement is never without them."""
        for artifact, path in files.items():
            self.store(run_id, artifact, path)
        with self.mlflow.calls():
            self.mlflow.client.set_tag(run_id, f"{PREFIX}judgement", json.dumps(encode(judgement)))

    def store(self, run_id: str, artifact: str, path: Path) -> None:
        """Upload one file under the name that `artifact` ends with."""
        place = PurePosixPath(artifact)
        with self.mlflow.calls(), tempfile.TemporaryDirectory() as folder:
            named = Path(folder) / place.name
            shutil.copyfile(path, named)
            self.mlflow.client.log_artifact(run_id, str(named), None if place.parent.name == "" else str(place.parent))

    def fetch(self, run_id: str, artifact: str, into: Path) -> Path | None:
        """Download a file or directory below `into`."""
        client = self.mlflow.client
        with self.mlflow.calls():
            place = PurePosixPath(artifact)
            parent = None if place.parent.name == "" else str(place.parent)
            if artifact not in {item.path for item in client.list_artifacts(run_id, parent)}:
                return None
            into.mkdir(parents=True, exist_ok=True)
            return Path(client.download_artifacts(run_id, artifact, str(into)))

    def address(self, run_id: str, artifact: str) -> str:
        """Below the run's own folder."""
        with self.mlflow.calls():
            return f"{self.mlflow.client.get_run(run_id).info.artifact_uri}/{artifact}"


def _safe(name: str) -> str:
    """MLflow allows letters, digits, `_-. :/` in names."""
    return "".join(c if c.isalnum() or c in "_-. :/" else "_" for c in name)[:250]


def _tags(trained: TrainedModel) -> dict[str, str]:
    ours = {
        "model": trained.model,
        "inputs": trained.inputs_digest,
        "model_digest": trained.model_digest,
        "data": json.dumps(dict(trained.data)),
    }
    return {f"{PREFIX}{key}": value for key, value in {**ours, **trained.tags}.items()}


def _candidate(model: str, run: Run) -> Candidate:
    tags = {key.removeprefix(PREFIX): value for key, value in run.data.tags.items() if key.startswith(PREFIX)}
    return Candidate(
        model=model,
        inputs_digest=tags["inputs"],
        model_digest=tags["model_digest"],
        run_id=run.info.run_id,
        data=json.loads(tags.get("data", "{}")),
        metrics=dict(run.data.metrics),
        params=dict(run.data.params),
        judgement=_judgement(tags.get("judgement", "")),
    )


def _judgement(text: str) -> Judgement | None:
    """A judgement of another version of ours counts as none: it is judged again."""
    try:
        return decode(Judgement, json.loads(text)) if text else None
    except (CodecError, ValueError):
        return None
