"""Serves releases on this machine: a model server per environment, kept by a process that outlives the command.

Below `.mlops/serving/<model>/<environment>/` lie the keeper's files, `serving.json` (what serves, and since when),
and `kept/<model digest>/` for the latest releases: model, server code, smoke rows, release. Whatever is kept can be
served again with every other system down.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.backends.keeper_client import KeeperClient, Starting, read
from mlops_ci.digests.canonical import digest_of
from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import BackendError, GateFailed, MlopsError, StaleError
from mlops_ci.io import clock, files
from mlops_ci.ports import DeployJob, Say
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving

HOST = "127.0.0.1"
KEPT = 5
START_SECONDS, SWITCH_SECONDS = 300.0, 30.0
TAIL = 20


@dataclass(frozen=True, kw_only=True)
class LocalTarget:
    """Keeps the Deployer port. `home` is `.mlops/serving`. A server's environment is the one that the keeper got from
    the command which started it."""

    home: Path

    def serving(self, model: str, environment: str) -> Serving | None:
        """What serves now, as the keeper tells it."""
        folder = self._folder(model, environment)
        noted = read(folder / "serving.json")
        release = _release(noted.get("release"))
        if release is None:
            return None
        keeper = KeeperClient(folder=folder)
        known = keeper.known()
        status: Mapping[str, Any] = {}
        if "control" in known:
            try:
                status = keeper.ask({"do": "status"})
            except BackendError:
                status = {}
        return Serving(
            release=release,
            url=f"http://{HOST}:{known.get('port', noted.get('port', 0))}",
            answering=bool(status.get("answering")),
            since=str(noted.get("since", "")),
            restarts=int(status.get("restarts", 0)),
            log=str(folder / "server.log"),
        )

    def recorded(self, model: str, environment: str) -> tuple[Release, ...]:
        """What is kept, the latest served first."""
        found = []
        for path in (self._folder(model, environment) / "kept").glob("*/release.json"):
            noted = read(path)
            if (release := _release(noted.get("release"))) is not None:
                found.append((str(noted.get("served", "")), release))
        return tuple(release for _, release in sorted(found, key=lambda item: item[0], reverse=True))

    def deploy(self, job: DeployJob, *, say: Say) -> tuple[Serving, bool]:
        """Start beside, smoke, switch, note. Raises GateFailed where the new server does not do."""
        model, environment = job.release.model, job.environment
        folder = self._folder(model, environment)
        folder.mkdir(parents=True, exist_ok=True)
        with files.lock(folder / "deploy.lock", busy="", wait=True):
            now = self.serving(model, environment)
            _refuse_late(job, read(folder / "serving.json"))
            kept = self._keep(job, folder, say)
            spec = self._spec(job, kept)
            if now is not None and now.answering and now.release == job.release and self._active(folder) == spec["id"]:
                self._note(folder, job, kept, since=now.since)
                return now, False
            keeper = KeeperClient(folder=folder)
            keeper.up(host=HOST, port=self._port(job, folder))
            if self._active(folder) != spec["id"] or now is None or not now.answering:
                self._follow(keeper, spec, job, kept, say)
            self._note(folder, job, kept, since=clock.timestamp())
        self._prune(folder, job.release)
        serving = self.serving(model, environment)
        assert serving is not None
        return serving, True

    def delete(self, model: str, environment: str) -> None:
        """Stop the servers and their keeper."""
        folder = self._folder(model, environment)
        if not folder.is_dir():
            return
        with files.lock(folder / "deploy.lock", busy="", wait=True):
            (folder / "serving.json").unlink(missing_ok=True)
            keeper = KeeperClient(folder=folder)
            if "control" in keeper.known():
                keeper.ask({"do": "stop"})
                _until(lambda: not keeper.alive(), seconds=60.0)

    def _folder(self, model: str, environment: str) -> Path:
        return (self.home / model / environment).resolve()

    def _active(self, folder: Path) -> str:
        """The id of the server that the keeper keeps."""
        return str(read(folder / "active.json").get("id", ""))

    def _port(self, job: DeployJob, folder: Path) -> int:
        """The configured port, else the one that was served on before, else a free one."""
        return int(job.options.get("port", 0) or read(folder / "serving.json").get("port", 0))

    def _keep(self, job: DeployJob, folder: Path, say: Say) -> Path:
        """The release's folder, brought whole or not at all, and checked byte for byte each time."""
        digest = job.release.model_digest
        kept = folder / "kept" / digest[:32]
        known = _release(read(kept / "release.json").get("release"))
        if known is None or known.run_id != job.release.run_id:
            with self._beside(kept) as fresh:
                say(f"bringing model {digest[:12]}")
                python = job.bring(fresh)
                files.write_json(fresh / "release.json", {"release": encode(job.release), "python": str(python)})
        if (found := digest_directory(kept / "model")) != digest:
            shutil.rmtree(kept)
            raise BackendError(
                f"the kept files of model {digest[:12]} were changed: their digest is {found[:12]}",
                hint="they were removed; run the same command again to bring them anew",
            )
        return kept

    @contextmanager
    def _beside(self, kept: Path) -> Iterator[Path]:
        fresh = kept.with_name(f".{kept.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        try:
            yield fresh
            shutil.rmtree(kept, ignore_errors=True)
            fresh.rename(kept)
        except OSError as error:
            raise files.disk_error(error, fresh) from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _spec(self, job: DeployJob, kept: Path) -> dict[str, Any]:
        """What the keeper is to run; its id changes with whatever of it changes."""
        python = str(read(kept / "release.json")["python"])
        settings = self._settings(job)
        if settings:
            files.write_json(kept / "settings.json", settings)
        argv = [python, "-m", "mlops_ci.serving", "--model", str(kept / "model"), "--name", job.release.model]
        argv += ["--digest", job.release.model_digest, "--host", HOST]
        argv += ["--settings", str(kept / "settings.json")] if settings else []
        # Only what is ours: the rest comes from the keeper, since what it runs is written down, and nobody's secret is.
        env = {"PYTHONPATH": str(kept / "code"), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        return {"id": digest_of({"argv": argv, "settings": settings})[:32], "argv": argv, "env": env}

    def _settings(self, job: DeployJob) -> dict[str, Any]:
        """The release's own, as the server reads them; its request log goes beside its files."""
        settings = {key: json.loads(value) for key, value in job.release.serving.items()}
        if "log" in settings:
            folder = self._folder(job.release.model, job.environment)
            settings["log"] = {**settings["log"], "folder": str(folder / "windows")}
        return settings

    def _follow(self, keeper: KeeperClient, spec: Mapping[str, Any], job: DeployJob, kept: Path, say: Say) -> None:
        log = keeper.folder / "server.log"
        begun = log.stat().st_size if log.exists() else 0
        say(f"starting a server of model {job.release.model_digest[:12]}")
        with keeper.start(spec["id"], spec["argv"], spec["env"], timeout=START_SECONDS) as starting:
            self._smoke(starting, job, kept, log, begun, say)
            starting.switch(timeout=SWITCH_SECONDS)

    def _smoke(self, starting: Starting, job: DeployJob, kept: Path, log: Path, begun: int, say: Say) -> None:
        try:
            if starting.failed:
                raise GateFailed(f"the server did not start: {starting.failed}")
            say(f"smoking it on port {starting.port}")
            job.smoke(f"http://{HOST}:{starting.port}", kept)
        except GateFailed as error:
            raise GateFailed(
                error.message,
                hint="\n".join([*_tail(log, begun), "what served before serves on"]),
                docs="deploy.md#smoke",
            ) from error
        except MlopsError as error:
            raise GateFailed(f"the smoke got no answer: {error.message}", hint="\n".join(_tail(log, begun))) from error

    def _note(self, folder: Path, job: DeployJob, kept: Path, *, since: str) -> None:
        release = encode(job.release)
        noted = {**read(kept / "release.json"), "release": release, "served": clock.now().isoformat()}
        files.write_json(kept / "release.json", noted)
        port = KeeperClient(folder=folder).known().get("port", 0)
        serving = {"release": release, "since": since, "port": port, "sequence": job.sequence}
        files.write_json(folder / "serving.json", serving)

    def _prune(self, folder: Path, release: Release) -> None:
        """Keep the latest releases, and always the one that serves."""
        for old in self.recorded(release.model, folder.name)[KEPT:]:
            if old.model_digest != release.model_digest:
                shutil.rmtree(folder / "kept" / old.model_digest[:32], ignore_errors=True)


def _refuse_late(job: DeployJob, noted: Mapping[str, Any]) -> None:
    if job.sequence < int(noted.get("sequence", 0)):
        raise StaleError(
            f"a later commit's release serves in {job.environment} already",
            hint="nothing was changed; 'mlops-ci status' shows what serves",
        )


def _release(document: Any) -> Release | None:
    try:
        return decode(Release, document) if document is not None else None
    except CodecError:
        return None


def _tail(log: Path, begun: int) -> list[str]:
    """The last lines that the new server wrote."""
    try:
        with open(log, "rb") as file:
            file.seek(begun)
            lines = file.read(1_000_000).decode("utf-8", "replace").splitlines()[-TAIL:]
    except OSError:
        lines = []
    return ["its last lines:", *(f"| {line}" for line in lines)] if lines else []


def _until(done: Any, *, seconds: float) -> None:
    begun = clock.stopwatch()
    while not done() and clock.stopwatch() - begun < seconds:
        clock.sleep(0.02)
