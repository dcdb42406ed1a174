"""What brings newer data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlops_ci.ports.say import Say
from mlops_ci.ports.training import Interpreter


@dataclass(frozen=True, kw_only=True)
class RefreshJob:
    """`command` is a shell's; '' asks DVC for `imports` (`.dvc` files) and for frozen `stages`, (dvc.yaml, name). Paths
    count from the root of the repository; `timeout` is in seconds."""

    command: str
    imports: Sequence[str]
    stages: Sequence[tuple[str, str]]
    timeout: float

    @property
    def commands(self) -> tuple[str, ...]:
        """As a person would type it, from the root."""
        if self.command:
            return (self.command,)
        updates = (f"dvc update {' '.join(self.imports)}",) if self.imports else ()
        return (*updates, *(f"dvc repro --force --single-item {file}:{name}" for file, name in self.stages))


class Refresher(Protocol):
    """Brings newer data into a work tree that lies beside the user's."""

    def share(self) -> None:
        """Let this work tree use the data that the user's checkout has, and its DVC remotes. Twice is as once."""

    def refresh(self, job: RefreshJob, *, interpreter: Interpreter, log: Path, say: Say) -> None:
        """Run it, in the pipeline's folder. What was brought before it was killed may be brought again. Raises
        StageFailed with its last lines."""

    def remote(self) -> str:
        """The name of DVC's default remote, '' where there is none."""
