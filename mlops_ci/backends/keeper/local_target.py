"""Serves releases as processes of this machine, in the environment their model was trained in with KServe beside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlops_ci.backends.keeper.kept_model import ModelAndCode, python_of
from mlops_ci.backends.keeper.server_settings import drain_seconds, settings_of, write_settings
from mlops_ci.backends.keeper.target import HOST, KeeperTarget
from mlops_ci.digests.canonical import digest_of
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.ports.say import Say
from mlops_ci.records.models import Release


def local_target(home: Path) -> KeeperTarget:
    """Keeps the Deployer port. `home` is `.mlops/serving`."""
    return KeeperTarget(home=home, servers=Processes())


class Processes:
    """The model server as a process. Its environment is the one that the keeper got from what started it."""

    contents = ModelAndCode()

    def available(self, releases: tuple[Release, ...]) -> tuple[Release, ...]:
        """All: what is kept is all that it takes."""
        return releases

    def prepare(self, job: DeployJob, folder: Path, say: Say) -> None:
        """Everything is there once it was brought."""

    def spec(self, job: DeployJob, folder: Path, place: Path) -> dict[str, Any]:
        """What the keeper is to run; its id changes with whatever of it changes."""
        settings = settings_of(job.release, str(folder / "windows"))
        argv = [
            python_of(place),
            "-B",  # what was brought is checked again as it was brought
            "-m",
            "mlops_ci.serving",
            "--model",
            str(place / "model"),
            "--name",
            job.release.model,
        ]
        argv += ["--digest", job.release.model_digest, "--host", HOST]
        if settings:
            argv += ["--settings", str(write_settings(folder, settings))]
        # Only what is ours: the rest comes from the keeper, since what it runs is written down, and nobody's secret is.
        env = {"PYTHONPATH": str(place / "code"), "PYTHONUNBUFFERED": "1"}
        return {"id": digest_of(argv)[:32], "argv": argv, "env": env, "drain_seconds": drain_seconds(settings)}

    def sweep(self, folder: Path) -> None:
        """A process goes with its keeper."""
