"""The user's Python environments, and the pipeline that trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mlops_ci.ports.say import Say
from mlops_ci.ports.user_code import for_user_code
from mlops_ci.records.training import PipelineStage

OUR_PYTHON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python of the user's. `digest` names the environment by content; `path` is its executable."""

    path: Path
    digest: str
    version: str
    description: str

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` with this environment in front on PATH, and nothing of ours leaking in, credentials least of all."""
        env = {k: v for k, v in for_user_code(base).items() if k not in OUR_PYTHON}
        env["PATH"] = f"{self.path.parent}:{base.get('PATH', '')}"
        env["VIRTUAL_ENV"] = str(self.path.parent.parent)
        return env


class Environments(Protocol):
    """Builds the user's Python environments (uv) and keeps them by content hash."""

    def prepare(
        self, directory: Path, files: Sequence[str], spec: str, *, say: Say, extra: Sequence[str] = ()
    ) -> Interpreter:
        """The environment that `files` (below `directory`; see digests/environment.py) describe, or, where there
        are none, the Python that `spec` names. `extra` requirements come beside, and change nothing that is pinned.
        Two processes at once build it once. Raises ConfigError without either, and where that Python lacks an extra;
        BackendError where it can't be built."""


@dataclass(frozen=True, kw_only=True)
class PipelineRun:
    """What the pipeline did."""

    stages: tuple[PipelineStage, ...]
    seconds: float
    peak_memory_mb: float | None
    unstable: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PipelineJob:
    """What to bring up to date: stage or group `target` of the dvc.yaml `file`. All paths count from the root of the
    repository.

    `sources` are files whose content DVC keeps; `stages` maps (dvc.yaml, name) of every stage that may be run to its
    outputs, in the order they run; `unproven` maps a dvc.lock to stage names that nobody we trust has run with these
    inputs. `timeout` is in seconds; `push` says whether to give the remote what came out.
    """

    file: str
    target: str
    timeout: float
    sources: tuple[str, ...] = ()
    stages: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    unproven: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    push: bool = True


class Pipeline(Protocol):
    """The model's DVC pipeline."""

    def reproduce(self, job: PipelineJob, *, interpreter: Interpreter, log: Path, say: Say) -> PipelineRun:
        """Bring the target up to date: bring the sources, restore what others ran, run what changed, push what came
        out. What dvc.lock says of the stages in `unproven` is set aside first. Raises StageFailed with the stage, its
        exit code and last lines; BackendError naming the file and the remote where a source is nowhere; UsageError
        where a source was changed and its change is nowhere else."""

    def verify(self, job: PipelineJob, *, interpreter: Interpreter, log: Path, say: Say) -> PipelineRun:
        """Run every stage once more and list the outputs (paths from the root) that came out differently; the first
        ones are put back. Raises PipelineError where there is no output to compare."""

    def provide(self, paths: Sequence[str], *, log: Path, say: Say) -> None:
        """Bring files that `.dvc` files track (paths from the root) into the work tree. Raises BackendError naming the
        file and the remote where one is nowhere, UsageError where a change would be lost."""
