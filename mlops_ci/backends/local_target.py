"""Serves releases on this machine: a model server per environment, kept by a process that outlives the command.

Below `.mlops/serving/<model>/<environment>/` lie the keeper's files, a log for each server, `settings/`, `kept/` (see
kept_releases.py), and `serving.json`: what serves and since when, on which port, as of which commit, and which model
was taken back. Whatever is kept can be served again with every other system down.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.backends.keeper_client import KeeperClient, NotReady, Starting, read, whole
from mlops_ci.backends.kept_releases import KeptReleases, python_of, release_of
from mlops_ci.digests.canonical import digest_of
from mlops_ci.errors import BackendError, ConfigError, GateFailed, MlopsError, StaleError
from mlops_ci.io import clock, files
from mlops_ci.ports import DeployJob, Say
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving

HOST = "127.0.0.1"
START_SECONDS, SWITCH_SECONDS = 300.0, 30.0
DRAIN_SECONDS = 30.0  # the model server's own default
END_SECONDS = 30.0  # beyond the drain time: the keeper kills a server after half of it
LOGS = 5
TAIL, TAIL_BYTES = 20, 64 * 1024
STAYS = ("port", "sequence", "refused")  # what is known of an environment where nothing serves


@dataclass(frozen=True, kw_only=True)
class LocalTarget:
    """Keeps the Deployer port. `home` is `.mlops/serving`. A server's environment is the one that the keeper got from
    the command which started it."""

    home: Path

    def serving(self, model: str, environment: str) -> Serving | None:
        """What serves now, as the keeper tells it."""
        folder = self._folder(model, environment)
        noted = read(folder / "serving.json")
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
            log=str(_log(folder, self._active(folder))),
        )

    def recorded(self, model: str, environment: str) -> tuple[Release, ...]:
        """What is kept and has served, the latest first."""
        return KeptReleases(folder=self._folder(model, environment)).served()

    def deploy(self, job: DeployJob, *, say: Say) -> tuple[Serving, bool]:
        """Start beside, smoke, switch, note. Raises GateFailed where the new server does not do."""
        folder = self._folder(job.release.model, job.environment)
        folder.mkdir(parents=True, exist_ok=True)
        with files.lock(folder / "deploy.lock", busy="", wait=True):
            _refuse(job, read(folder / "serving.json"))
            return self._deploy(job, folder, say)

    def _deploy(self, job: DeployJob, folder: Path, say: Say) -> tuple[Serving, bool]:
        keeper, kept = KeeperClient(folder=folder), KeptReleases(folder=folder)
        _refuse_another_port(job, keeper)
        now = self.serving(job.release.model, job.environment)
        place = kept.bring(job, say)
        spec = self._spec(job, folder, place)
        runs = now is not None and now.answering and self._active(folder) == spec["id"]
        if now is not None and runs and now.release == job.release:
            self._note(folder, job, place, since=now.since)
            return now, False
        keeper.up(host=HOST, port=self._port(job, folder))
        if not runs:
            self._follow(keeper, spec, job, place, say)
        self._note(folder, job, place, since=clock.timestamp())
        self._prune(folder, job.release, spec)
        serving = self.serving(job.release.model, job.environment)
        if serving is None:
            raise BackendError(f"what serves can't be read: {folder / 'serving.json'}")
        return serving, True

    def delete(self, model: str, environment: str) -> None:
        """Stop the servers and their keeper. Raises BackendError where it lives on."""
        folder = self._folder(model, environment)
        if not folder.is_dir():
            return
        with files.lock(folder / "deploy.lock", busy="", wait=True):
            try:
                KeeperClient(folder=folder).stop(seconds=_end_seconds(read(folder / "active.json")))
            finally:
                (folder / "active.json").unlink(missing_ok=True)
            if noted := read(folder / "serving.json"):
                files.write_json(folder / "serving.json", {key: noted[key] for key in STAYS if key in noted})

    def _folder(self, model: str, environment: str) -> Path:
        return (self.home / model / environment).resolve()

    def _active(self, folder: Path) -> str:
        """The id of the server that the keeper keeps."""
        return str(read(folder / "active.json").get("id", ""))

    def _port(self, job: DeployJob, folder: Path) -> int:
        """The configured port, else the one that was served on before, else a free one."""
        return whole(job.options, "port") or whole(read(folder / "serving.json"), "port")

    def _spec(self, job: DeployJob, folder: Path, place: Path) -> dict[str, Any]:
        """What the keeper is to run; its id changes with whatever of it changes."""
        settings = self._settings(job)
        argv = [
            python_of(place),
            "-m",
            "mlops_ci.serving",
            "--model",
            str(place / "model"),
            "--name",
            job.release.model,
        ]
        argv += ["--digest", job.release.model_digest, "--host", HOST]
        if settings:  # named by what they say: a server that crashes comes back with those it was smoked with
            path = folder / "settings" / f"{digest_of(settings)[:32]}.json"
            files.write_json(path, settings)
            argv += ["--settings", str(path)]
        # Only what is ours: the rest comes from the keeper, since what it runs is written down, and nobody's secret is.
        env = {"PYTHONPATH": str(place / "code"), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        drain = float(settings.get("drain_seconds", DRAIN_SECONDS))
        return {"id": digest_of(argv)[:32], "argv": argv, "env": env, "drain_seconds": drain}

    def _settings(self, job: DeployJob) -> dict[str, Any]:
        """The release's own, as the server reads them; its request log goes beside its files."""
        settings = {key: json.loads(value) for key, value in job.release.serving.items()}
        if "log" in settings:
            folder = self._folder(job.release.model, job.environment)
            settings["log"] = {**settings["log"], "folder": str(folder / "windows")}
        return settings

    def _follow(self, keeper: KeeperClient, spec: Mapping[str, Any], job: DeployJob, place: Path, say: Say) -> None:
        log = _log(keeper.folder, spec["id"])
        _prune_logs(keeper.folder, {log, _log(keeper.folder, self._active(keeper.folder))})
        begun = log.stat().st_size if log.exists() else 0
        say(f"starting a server of model {job.release.model_digest[:12]}")
        try:
            with keeper.start(spec, timeout=START_SECONDS) as starting:
                self._smoke(starting, job, place, log, begun, say)
                starting.switch(timeout=SWITCH_SECONDS)
        except NotReady as error:
            _require_room(keeper.folder)
            raise _failed(error.message, log, begun) from error
        finally:
            _end_idle(keeper, spec)

    def _smoke(self, starting: Starting, job: DeployJob, place: Path, log: Path, begun: int, say: Say) -> None:
        try:
            if starting.failed:
                raise GateFailed(f"the server did not start: {starting.failed}")
            say(f"smoking it on port {starting.port}")
            job.smoke(f"http://{HOST}:{starting.port}", place)
        except GateFailed as error:
            raise _failed(error.message, log, begun) from error
        except MlopsError as error:
            raise _failed(f"the smoke got no answer: {error.message}", log, begun) from error

    def _note(self, folder: Path, job: DeployJob, place: Path, *, since: str) -> None:
        KeptReleases(folder=folder).note(place, job.release)
        port = whole(KeeperClient(folder=folder).known(), "port")
        refused = _refused(job, read(folder / "serving.json"))
        serving = {"release": encode(job.release), "since": since, "port": port, "sequence": job.sequence}
        files.write_json(folder / "serving.json", {**serving, "refused": refused})

    def _prune(self, folder: Path, release: Release, spec: Mapping[str, Any]) -> None:
        """The latest releases stay, and the settings of what serves: those of others are written when they come."""
        KeptReleases(folder=folder).prune(release)
        for path in (folder / "settings").glob("*.json"):
            if str(path) not in spec["argv"]:
                path.unlink(missing_ok=True)


def _refuse(job: DeployJob, noted: Mapping[str, Any]) -> None:
    """Raises StaleError for what is older than what serves, and for what was taken back."""
    if job.sequence < whole(noted, "sequence"):
        raise StaleError(
            f"a later commit's release serves in {job.environment} already",
            hint="nothing was changed; 'mlops-ci status' shows what serves",
        )
    digest = job.release.model_digest
    if not job.refuse and noted.get("refused") == digest:
        raise StaleError(
            f"model {digest[:12]} was taken back here with 'rollback --now'",
            hint="merge its pull request, or 'mlops-ci rollback --to VERSION --now' serves it again",
            docs="deploy.md#taking-back",
        )


def _refused(job: DeployJob, noted: Mapping[str, Any]) -> str:
    """The digest of the model that is not to come back by itself: another one that is deployed ends that."""
    serves = release_of(noted.get("release"))
    same = serves is not None and serves.model_digest == job.release.model_digest
    refused = job.refuse or (str(noted.get("refused", "")) if same else "")
    return refused if refused != job.release.model_digest else ""


def _refuse_another_port(job: DeployJob, keeper: KeeperClient) -> None:
    """An address that users know is not left behind by the way. Raises ConfigError."""
    wanted, serves = whole(job.options, "port"), whole(keeper.known(), "port")
    if wanted and serves and wanted != serves:
        model, environment = job.release.model, job.environment
        raise ConfigError(
            f"{model} is served in {environment} on port {serves}, and mlops.yaml asks for {wanted}",
            hint=f"'mlops-ci serve stop {model} {environment}' and then 'mlops-ci merge' moves it",
            docs="deploy.md#the-target-local",
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
    drain = spec.get("drain_seconds")
    return END_SECONDS + (drain if isinstance(drain, float | int) else DRAIN_SECONDS)


def _log(folder: Path, server: str) -> Path:
    """What a server writes; where none is active, what the keeper does."""
    return folder / (f"server-{server}.log" if server else "keeper.log")


def _prune_logs(folder: Path, stay: set[Path]) -> None:
    logs = sorted(folder.glob("server-*.log"), key=lambda log: log.stat().st_mtime_ns, reverse=True)
    for log in logs[LOGS - 1 :]:
        if log not in stay:
            log.unlink(missing_ok=True)
            log.with_name(f"{log.name}.1").unlink(missing_ok=True)


def _failed(message: str, log: Path, begun: int) -> GateFailed:
    return GateFailed(
        message, hint="\n".join([*_tail(log, begun), "what served before serves on"]), docs="deploy.md#smoke"
    )


def _tail(log: Path, begun: int) -> list[str]:
    """The last lines that the new server wrote."""
    try:
        with open(log, "rb") as file:
            file.seek(max(begun, log.stat().st_size - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()[-TAIL:]
    except OSError:
        lines = []
    return ["its last lines:", *(f"| {line}" for line in lines)] if lines else []
