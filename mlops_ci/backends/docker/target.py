"""Serves releases as containers of this machine's Docker daemon: their image by its digest, run by a runner process
each (container_runner.py), which the keeper looks after as it does after any server."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.backends.docker import container_door, container_runner
from mlops_ci.backends.docker.container_spec import ContainerSpec
from mlops_ci.backends.docker.daemon import DOCS, available, daemon, image_id
from mlops_ci.backends.keeper.kept_model import RowsAlone
from mlops_ci.backends.keeper.server_settings import drain_seconds, settings_of, write_settings
from mlops_ci.backends.keeper.target import KeeperTarget
from mlops_ci.digests.canonical import digest_of
from mlops_ci.errors import BackendError, ConfigError
from mlops_ci.io import process
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.ports.say import Say
from mlops_ci.records.models import Release
from mlops_ci.records.server import DRAIN_SECONDS, WINDOWS

OWNER_ALONE = 0o700


def docker_target(home: Path, environ: Mapping[str, str]) -> KeeperTarget:
    """Keeps the Deployer port. `home` is `.mlops/serving`; `environ` says where the daemon is, as DOCKER_HOST does."""
    return KeeperTarget(home=home, servers=Containers(environ=environ))


@dataclass(frozen=True, kw_only=True)
class Containers:
    """The model server in a container of the release's image."""

    environ: Mapping[str, str]
    contents = RowsAlone()

    def available(self, releases: tuple[Release, ...]) -> tuple[Release, ...]:
        """Those whose image the daemon or its registry has; all, where there is no daemon to say so."""
        images = tuple(release for release in releases if release.image_reference)
        if not images:
            return ()
        try:
            with daemon(self.environ) as client:
                return tuple(release for release in images if available(client, release.image_reference))
        except BackendError:
            return images

    def prepare(self, job: DeployJob, folder: Path, say: Say) -> None:
        """Pull the image where it is not here. The folders that a container's user writes to are open to everybody, and
        the one around them to its owner alone."""
        if sys.platform != "linux":
            raise ConfigError("target: docker needs Linux: elsewhere containers run in a virtual machine", docs=DOCS)
        folder.chmod(OWNER_ALONE)
        windows = folder / "windows"
        windows.mkdir(exist_ok=True)
        windows.chmod(container_door.OPEN)
        self.sweep(folder)
        with daemon(self.environ) as client:
            image_id(client, job.release.image_reference, say)

    def spec(self, job: DeployJob, folder: Path, place: Path) -> dict[str, Any]:
        """A runner's command line. Raises ConfigError for a release without an image."""
        release, options = job.release, job.options
        if not release.image_reference:
            raise ConfigError(
                f"version {release.version} of {release.model} has no image, and {job.environment} runs images",
                hint="build: {image: …} in mlops.yaml builds one with the next merge",
                docs=DOCS,
            )
        settings = settings_of(release, WINDOWS)
        container = ContainerSpec(
            image=release.image_reference,
            model=release.model,
            environment=job.environment,
            home=str(_home(folder)),
            settings=str(write_settings(folder, settings)),
            windows=str(folder / "windows") if "log" in settings else "",
            network=str(options.get("network", "bridge")),
            memory_mb=int(options.get("memory_mb", 0)),
            cpus=float(options.get("cpus", 0)),
            drain_seconds=drain_seconds(settings),
        )
        argv = [process.own_python(), "-m", container_runner.__name__, container.word()]
        env = {"PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONUNBUFFERED": "1"}
        return {"id": digest_of(argv)[:32], "argv": argv, "env": env, "drain_seconds": container.drain_seconds}

    def sweep(self, folder: Path) -> None:
        """The daemon is asked only where a runner left something behind."""
        if container_door.left_behind(_home(folder)):
            with daemon(self.environ) as client:
                container_runner.sweep(client, _home(folder), drain_seconds=DRAIN_SECONDS)


def _home(folder: Path) -> Path:
    return folder / "containers"
