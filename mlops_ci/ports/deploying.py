"""Where releases are served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from mlops_ci.ports.say import Say
from mlops_ci.records.canary import Canary, Traffic
from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving


@dataclass(frozen=True, kw_only=True)
class DeployJob:
    """One release to be served in `environment`, whose keys of the config are `options`. `sequence` grows with the
    commits of the default branch: what a later commit brought, or removed, is not undone by an earlier one.

    `bring` puts `model/` and the server's `code/` into a folder and returns the Python that serves it: a target that
    runs an image, or lets a cluster fetch the model, does not ask for it. `bring_rows` puts `smoke.json` there, where
    rows were recorded. Both are called only where the target does not hold the release already. `smoke` is called with
    the new server's address and that folder before any request of a user reaches it, and raises GateFailed;
    `smoke_by_answers` does the same to a server that is not ours and can't say which model it runs.

    `refuse` is the digest of the model that is taken back with this: until something else is deployed, or the same by
    a later commit (a higher `sequence`), only a job that refuses another brings it here again.
    """

    release: Release
    environment: str
    options: Mapping[str, Any]
    sequence: int
    refuse: str = ""
    bring: Callable[[Path], Path]
    bring_rows: Callable[[Path], None]
    smoke: Callable[[str, Path], None]
    smoke_by_answers: Callable[[str, Path], None] | None = None


class Deployer(Protocol):
    """Where releases are served. One environment of one model is changed by one process at a time; others wait."""

    def serving(self, model: str, environment: str) -> Serving | None:
        """What is served now; None where nothing was deployed, or it was deleted."""

    def recorded(self, model: str, environment: str) -> tuple[Release, ...]:
        """What has served here and can be served again with nothing else up, the latest first."""

    def deploy(self, job: DeployJob, *, say: Say) -> tuple[Serving, bool]:
        """Serve the release: (what is served, was anything changed). Deploying what serves already changes nothing.

        The new server starts beside the old one, is smoked, and takes over without losing a request. A failed smoke
        raises GateFailed and leaves what served before; so does a kill at any moment. StaleError where a later commit's
        release serves, or a later commit removed what served.
        """

    def delete(self, model: str, environment: str, *, sequence: int | None) -> None:
        """Stop serving; what was recorded stays. Deleting what is not there changes nothing.

        `sequence` is that of the commit that wants nothing served here, as a DeployJob has it, and None where a person
        stops it. It is kept, though nothing serves, so that no earlier commit's run brings here what was removed.
        Raises StaleError, and leaves what serves, where a later commit's release serves.
        """


@runtime_checkable
class DryRun(Protocol):
    """A Deployer that can ask beforehand what a deployment would change."""

    def dry_run(self, release: Release, environment: str) -> tuple[str, ...]:
        """Lines of a unified diff, none where nothing would change or nothing can be told. Nothing is changed.
        BackendError or StaleError where the deployment would be refused."""


@runtime_checkable
class CanaryTarget(Protocol):
    """A Deployer that can split an environment's traffic: what it deploys there beside another begins as a canary."""

    def canary(self, model: str, environment: str) -> Canary | None:
        """The latest canary as it stands; None where there was none, or what serves was deployed without one."""

    def begins(self, release: Release, environment: str) -> Canary | None:
        """The canary that deploying the release would begin; None where it would serve alone, or is a canary already.
        Nothing is changed."""

    def shift(self, before: Canary, after: Canary, environment: str) -> None:
        """Bring traffic to what `after` says, and keep it as the state: its share where it runs, all of it where it was
        promoted, none where it was rolled back, so that `stable` serves. Twice is the same as once, and a kill in
        between is mended by the next run. Raises StaleError where the state is not `before` any more.
        """


class TrafficMeter(Protocol):
    """Counts what revisions answered."""

    def traffic(self, model: str, digest: str, *, since: datetime, until: datetime) -> Traffic:
        """What the servers of a model digest were asked between two times. Without any it is empty; BackendError where
        the counts can't be had."""
