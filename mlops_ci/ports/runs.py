"""What another workflow's run was about, and what it handed over."""

from __future__ import annotations

from typing import Protocol

from mlops_ci.records.forge import PullRequest
from mlops_ci.records.runs import Artifact, WorkflowRun


class Runs(Protocol):
    """Reads only."""

    def run(self, number: int) -> WorkflowRun:
        """A run of this repository. UsageError for a number that none has."""

    def pulls(self, run: WorkflowRun) -> tuple[PullRequest, ...]:
        """The open pull requests whose branch is the run's, in the run's repository, and still at its commit."""

    def artifacts(self, run: WorkflowRun) -> tuple[Artifact, ...]:
        """What the run handed over, the newest of a name alone."""

    def fetch(self, artifact: Artifact, *, most: int) -> bytes:
        """An artifact's zip. Raises ArchiveRefused as soon as it has more than `most` bytes."""
