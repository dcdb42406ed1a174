"""DVC's command line in one project: how it is started, which remote it has, and its failures in our words."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.backends.dvc.words import Heard
from mlops_ci.errors import BackendError, MissingExtra, PipelineError, UsageError
from mlops_ci.io import process
from mlops_ci.ports.say import Say

FETCH_TIMEOUT = 7200.0
MOST_NAMES = 5


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A DVC project's default remote. A `versioned` one has no run cache and takes no single objects."""

    name: str
    versioned: bool


@dataclass(frozen=True, kw_only=True)
class DvcCommand:
    """`root` is the repository's, `folder` the pipeline's, `home` where our own files lie. Paths in messages count
    from the root."""

    root: Path
    folder: Path
    home: Path
    environ: Mapping[str, str]

    def require(self) -> None:
        """Raises MissingExtra without DVC, UsageError where it is not set up."""
        if importlib.util.find_spec("dvc") is None:
            raise MissingExtra("train", "DVC")
        _ = self.project

    @property
    def project(self) -> Path:
        """The folder of the DVC project around the pipeline: the nearest with a `.dvc`, as DVC itself finds it."""
        for folder in (self.folder, *self.folder.parents):
            if (folder / ".dvc").is_dir():
                return folder
        raise UsageError("DVC is not set up in this repository", hint="dvc init && git add .dvc .dvcignore")

    @property
    def remote(self) -> Remote | None:
        """The default remote by DVC's own rules: the system's settings, the user's, the project's, config.local."""
        from dvc.config import Config
        from dvc.config import ConfigError as DvcConfigError

        try:
            config = Config(dvc_dir=str(self.project / ".dvc"))
        except DvcConfigError as error:
            where = self.shown(self.project / ".dvc" / "config")
            raise PipelineError(
                f"DVC's settings can't be read: {str(error).splitlines()[0]}",
                where=where,
                hint="dvc config --list shows what is wrong",
            ) from None
        name = config["core"].get("remote")
        if not name:
            return None
        settings = config["remote"].get(name, {})
        return Remote(name=str(name), versioned=bool(settings.get("version_aware") or settings.get("worktree")))

    def words(self, *words: str) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "dvc", *words]

    def variables(self, env: Mapping[str, str]) -> dict[str, str]:
        """`env` with what DVC needs: no telemetry, and a site cache of this checkout's own."""
        site = self.home / "dvc-site"
        return {**env, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(site), "PYTHONUNBUFFERED": "1"}

    def bring(self, paths: Sequence[str], log: Path, say: Say) -> None:
        """Make files that DVC keeps (paths from the root) be what git says they are: `dvc pull`, or, without a
        remote, `dvc checkout`. Raises BackendError naming what is nowhere, UsageError where work would be lost."""
        if not paths:
            return
        remote = self.remote
        targets = [os.path.relpath(self.root / path, self.folder) for path in paths]
        heard = Heard(say)
        if self._run(self.words("pull" if remote else "checkout", *targets), log, heard) == 0:
            return
        if unsaved := self._names(heard.unsaved):
            raise UsageError(
                f"DVC keeps another content of {unsaved} than the work tree has",
                hint="keep the work tree's: dvc add it, then commit its .dvc file; or drop it: dvc checkout --force",
                docs="training.md#the-dvc-remote",
            )
        if missing := self._names(heard.missing):
            place = f"the DVC remote '{remote.name}' lacks" if remote else "there is no DVC remote, and the cache lacks"
            push = "run 'dvc push' where the data is"
            hint = f"{push}; or is the remote out of reach?" if remote else f"dvc remote add -d …, then {push}"
            raise self.failed(f"{place} {missing}", log, hint)
        raise self.failed(f"could not fetch {self._names(targets)}: {heard.reason}", log)

    def push(self, target: str, log: Path, say: Say) -> None:
        """Everything that another machine needs to restore the target and what it reaches without running it."""
        heard = Heard(say)
        if self._run([sys.executable, "-m", "mlops_ci.backends.dvc.push", target], log, heard) != 0:
            raise self.failed(f"could not push to the DVC remote: {heard.reason}", log)

    def failed(self, message: str, log: Path, hint: str = "") -> BackendError:
        """A DVC command that is not a training went wrong."""
        lines = [line for line in (hint, f"the whole log: {self.shown(log)}") if line]
        return BackendError(message, hint="\n".join(lines), docs="training.md#the-dvc-remote")

    def shown(self, path: Path) -> str:
        """A path as people read it: from the root where it lies there."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def _run(self, argv: Sequence[str], log: Path, heard: Heard) -> int:
        done = process.stream(
            argv, cwd=self.folder, env=self.variables(self.environ), log=log, on_line=heard, timeout=FETCH_TIMEOUT
        )
        if done.timed_out:
            heard.lines.append(f"ERROR: it did not end within {FETCH_TIMEOUT:g} s")
        return done.code

    def _names(self, paths: Sequence[str]) -> str:
        """Paths as DVC prints them, from its folder or absolute, as a list to read."""
        names = [self.shown(Path(os.path.normpath(self.folder / path))) for path in paths]
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        return ", ".join(f"'{name}'" for name in names[:MOST_NAMES]) + more
