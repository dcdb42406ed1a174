"""Where our own files lie: everything under `.mlops/` beside `mlops.yaml`, nothing anywhere else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.errors import BackendError
from mlops_ci.io import files
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.results import StageResult


@dataclass(frozen=True)
class Workspace:
    """The `.mlops/` folder of the directory `root` that holds `mlops.yaml`."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / ".mlops"

    def result_path(self, model: str, stage: str) -> Path:
        return self.home / "results" / model / f"{stage}.json"

    def log_path(self, model: str, stage: str) -> Path:
        return self.home / "logs" / model / f"{stage}.log"

    def report_path(self, model: str, suffix: str) -> Path:
        return self.home / "reports" / f"{model}.{suffix}"

    def scratch(self, model: str, name: str) -> Path:
        """A folder for files that may be deleted at any time."""
        path = self.home / "scratch" / model / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def lock_path(self, name: str) -> Path:
        return self.home / "locks" / f"{name}.lock"

    def write_result(self, result: StageResult) -> Path:
        """Store a stage's result, whole or not at all."""
        path = self.result_path(result.model, result.stage)
        self.protect()
        files.write_json(path, encode(result))
        return path

    def read_result(self, model: str, stage: str) -> StageResult | None:
        """The stored result, or None. Raises BackendError where the file is not one of ours."""
        path = self.result_path(model, stage)
        try:
            return decode(StageResult, json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (CodecError, ValueError) as error:
            raise BackendError(
                f"{path.relative_to(self.root)} is not a result of this version: {error}",
                hint=f"run 'mlops-ci {stage}' again",
            ) from error

    def forget(self, model: str, stages: tuple[str, ...]) -> None:
        """Drop the results of stages that are about to be run, so that a crash never leaves old numbers as new."""
        for stage in stages:
            self.result_path(model, stage).unlink(missing_ok=True)

    def protect(self) -> None:
        """Keep `.mlops/` out of git without touching the user's own .gitignore."""
        ignore = self.home / ".gitignore"
        if not ignore.exists():
            files.write_text(ignore, "*\n")
