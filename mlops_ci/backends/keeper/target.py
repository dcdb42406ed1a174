"""Serves releases on this machine: a model server per environment, kept by a process that outlives the command.

Below `.mlops/serving/<model>/<environment>/` lie the keeper's files, a log for each server, `settings/`, `kept/` (see
kept_releases.py), and `serving.json` (served_note.py). What a server is, a process or a container, is its target's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mlops_ci.backends.keeper import served_note
from mlops_ci.backends.keeper.client import KeeperClient, NotReady, Starting, read, whole
from mlops_ci.backends.keeper.kept_releases import Contents, KeptReleases, release_of
from mlops_ci.backends.keeper.server_logs import failed, log_of, prune_logs
from mlops_ci.backends.keeper.server_settings import drain_seconds, prune_settings
from mlops_ci.errors import BackendError, ConfigError, GateFailed, MlopsError
from mlops_ci.io import clock, files
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.ports.say import Say
from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving

HOST = "127.0.0.1"
START_SECONDS, SWITCH_SECONDS = 300.0, 30.0
END_SECONDS = 30.0  # beyond the drain time: the keeper kills a server after half of it


class Servers(Protocol):
    """What a release's server is."""

    @property
    def contents(self) -> Contents:
        """What is kept of a release."""

    def available(self, releases: tuple[Release, ...]) -> tuple[Release, ...]:
        """Those of what is kept that can be served again."""

    def prepare(self, job: DeployJob, folder: Path, say: Say) -> None:
        """Have ready what is needed to start it, before anything is changed. Raises BackendError."""

    def spec(self, job: DeployJob, folder: Path, place: Path) -> dict[str, Any]:
        """What the keeper is to run of the release kept in `place`; see keeper.py. Another id is another server."""

    def sweep(self, folder: Path) -> None:
        """Remove what servers left that were killed with all that looks after them. Raises BackendError."""


@dataclass(frozen=True, kw_only=True)
class KeeperTarget:
    """Keeps the Deployer port. `home` is `.mlops/serving`."""

    home: Path
    servers: Servers

    def serving(self, model: str, environment: str) -> Serving | None:
        """What serves now, as the keeper tells it."""
        folder = self._folder(model, environment)
        noted = served_note.noted(folder)
        release = release_of(noted.get("release"))
        if release is None:
            return None
        keeper = KeeperClient(folder=folder)
        known = keeper.known()
        status: Mapping[str, Any] = {}
        if "control" in known:
            with contextlib.suppress(BackendError):
                status = keeper.ask({"do": "status"})
        return Serving(
            release=release,
            url=f"http://{HOST}:{whole(known, 'port') or whole(noted, 'port')}",
            answering=bool(status.get("answering")),
            since=str(noted.get("since", "")),
            restarts=whole(status, "restarts"),
            log=str(log_of(folder, self._active(folder))),
            refused=str(noted.get("refused", "")),
        )

    def recorded(self, model: str, environment: str) -> tuple[Release, ...]:
        """What is kept and has served, the latest first."""
        return self.servers.available(self._kept(self._folder(model, environment)).served())

    def deploy(self, job: DeployJob, *, say: Say) -> tuple[Serving, bool]:
        """Start beside, smoke, switch, note. Raises GateFailed where the new server does not do."""
        folder = self._folder(job.release.model, job.environment)
        folder.mkdir(parents=True, exist_ok=True)
        with files.lock(folder / "deploy.lock", busy="", wait=True):
            served_note.refuse(job, served_note.noted(folder))
            return self._deploy(job, folder, say)

    def _deploy(self, job: DeployJob, folder: Path, say: Say) -> tuple[Serving, bool]:
        keeper, kept = KeeperClient(folder=folder), self._kept(folder)
        _refuse_another_port(job, keeper)
        now = self.serving(job.release.model, job.environment)
        place = kept.bring(job, say)
        spec = self.servers.spec(job, folder, place)
        runs = now is not None and now.answering and self._active(folder) == spec["id"]
        if now is not None and runs and now.release == job.release:
            self._note(folder, job, place, since=now.since)
            return now, False
        if not runs:
            self.servers.prepare(job, folder, say)
        keeper.up(host=HOST, port=self._port(job, folder))
        if not runs:
            self._follow(keeper, spec, job, place, say)
        self._note(folder, job, place, since=clock.timestamp())
        self._prune(folder, job.release, spec)
        serving = self.serving(job.release.model, job.environment)
        if serving is None:
            raise BackendError(f"what serves can't be read: {folder / 'serving.json'}")
        return serving, True

    def delete(self, model: str, environment: str, *, sequence: int | None) -> None:
        """Stop the servers and their keeper. Raises BackendError where it lives on, StaleError for an older commit."""
        folder = self._folder(model, environment)
        if sequence is not None:
            folder.mkdir(parents=True, exist_ok=True)
        elif not folder.is_dir():
            return
        with files.lock(folder / "deploy.lock", busy="", wait=True):
            if sequence is not None:
                served_note.note_removal(folder, environment, sequence=sequence)
            try:
                KeeperClient(folder=folder).stop(seconds=_end_seconds(read(folder / "active.json")))
            finally:
                (folder / "active.json").unlink(missing_ok=True)
            served_note.note_nothing(folder)
            self.servers.sweep(folder)

    def _kept(self, folder: Path) -> KeptReleases:
        return KeptReleases(folder=folder, contents=self.servers.contents)

    def _folder(self, model: str, environment: str) -> Path:
        return (self.home / model / environment).resolve()

    def _active(self, folder: Path) -> str:
        """The id of the server that the keeper keeps."""
        return str(read(folder / "active.json").get("id", ""))

    def _port(self, job: DeployJob, folder: Path) -> int:
        """The configured port, else the one that was served on before, else a free one."""
        return whole(job.options, "port") or whole(served_note.noted(folder), "port")

    def _follow(self, keeper: KeeperClient, spec: Mapping[str, Any], job: DeployJob, place: Path, say: Say) -> None:
        log = log_of(keeper.folder, spec["id"])
        prune_logs(keeper.folder, {log, log_of(keeper.folder, self._active(keeper.folder))})
        begun = log.stat().st_size if log.exists() else 0
        say(f"starting a server of model {job.release.model_digest[:12]}")
        try:
            with keeper.start(spec, timeout=START_SECONDS) as starting:
                self._smoke(starting, job, place, log, begun, say)
                starting.switch(timeout=SWITCH_SECONDS)
        except NotReady as error:
            _require_room(keeper.folder)
            raise failed(error.message, log, begun) from error
        finally:
            _end_idle(keeper, spec)
            with contextlib.suppress(BackendError):  # the next one looks again
                self.servers.sweep(keeper.folder)

    def _smoke(self, starting: Starting, job: DeployJob, place: Path, log: Path, begun: int, say: Say) -> None:
        try:
            if starting.failed:
                raise GateFailed(f"the server did not start: {starting.failed}")
            say(f"smoking it on port {starting.port}")
            job.smoke(f"http://{HOST}:{starting.port}", place)
        except GateFailed as error:
            raise failed(error.message, log, begun) from error
        except MlopsError as error:
            raise failed(f"the smoke got no answer: {error.message}", log, begun) from error

    def _note(self, folder: Path, job: DeployJob, place: Path, *, since: str) -> None:
        self._kept(folder).note(place, job.release)
        served_note.note(folder, job, since=since, port=whole(KeeperClient(folder=folder).known(), "port"))

    def _prune(self, folder: Path, release: Release, spec: Mapping[str, Any]) -> None:
        """The latest releases stay, and the settings of what serves."""
        self._kept(folder).prune(release)
        prune_settings(folder, spec["argv"])


def places(home: Path) -> list[tuple[str, str]]:
    """(model, environment) of all that is served below `.mlops/serving`, whatever a config names."""
    folders = [path for path in home.glob("*/*") if path.is_dir()]
    served = [path for path in folders if "release" in served_note.noted(path) or KeeperClient(folder=path).alive()]
    return sorted((path.parent.name, path.name) for path in served)


def _refuse_another_port(job: DeployJob, keeper: KeeperClient) -> None:
    """An address that users know is not left behind by the way. Raises ConfigError."""
    wanted, serves = whole(job.options, "port"), whole(keeper.known(), "port")
    if wanted and serves and wanted != serves:
        model, environment = job.release.model, job.environment
        raise ConfigError(
            f"{model} is served in {environment} on port {serves}, and mlops.yaml asks for {wanted}",
            hint=f"'mlops-ci serve stop {model} {environment}' and then 'mlops-ci merge' moves it",
            docs="local.md",
        )


def _require_room(folder: Path) -> None:
    """A server tells in a file that it is ready: on a full disk it never does. Raises BackendError where it is full."""
    probe = folder / "room"
    files.write_bytes(probe, b"\n")
    probe.unlink(missing_ok=True)


def _end_idle(keeper: KeeperClient, spec: Mapping[str, Any]) -> None:
    """A keeper that keeps nothing, because the first server of all did not do, goes; the port is free again."""
    with contextlib.suppress(BackendError):
        if not keeper.ask({"do": "status"}).get("active"):
            keeper.stop(seconds=_end_seconds(spec))


def _end_seconds(spec: Mapping[str, Any]) -> float:
    """How long a server may take to end."""
    return END_SECONDS + drain_seconds(spec)
