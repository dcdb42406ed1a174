"""Newer data by the user's command or by DVC, in a work tree beside the user's checkout."""

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlops_ci.backends.dvc_command import DvcCommand
from mlops_ci.backends.dvc_words import SHOWN_LINES, Heard
from mlops_ci.errors import StageFailed
from mlops_ci.io import process
from mlops_ci.ports import Interpreter, Say
from mlops_ci.ports.retraining import RefreshJob

DOCS = "retrain.md#refresh"


@dataclass(frozen=True, kw_only=True)
class DvcRefresher:
    """Keeps the Refresher port. `root` is the work tree, `checkout` the user's; `folder` is the pipeline's, from
    both; `home` is where our files lie."""

    root: Path
    checkout: Path
    folder: str
    home: Path
    environ: Mapping[str, str]

    @cached_property
    def dvc(self) -> DvcCommand:
        """DVC in the work tree."""
        command = DvcCommand(root=self.root, folder=self.root / self.folder, home=self.home, environ=self.environ)
        command.require()
        return command

    def share(self) -> None:
        """By the work tree's own `config.local`: the checkout's, its cache, and its remotes that are folders, whose
        relative paths would lead elsewhere from here."""
        from dvc.config import Config

        theirs = DvcCommand(
            root=self.checkout, folder=self.checkout / self.folder, home=self.home, environ=self.environ
        )
        theirs.require()
        place = theirs.project / ".dvc"
        known = Config(dvc_dir=str(place))
        local = known.load_one("local")
        folders = {
            name: settings["url"]
            for name, settings in known["remote"].items()
            if "://" not in str(settings.get("url", "")) and settings.get("url")
        }
        config = Config(dvc_dir=str(self.dvc.project / ".dvc"))
        with config.edit("local") as edited:
            for section, values in local.items():
                edited[section] = values
            edited.setdefault("cache", {})["dir"] = str(known["cache"].get("dir") or place / "cache")
            for name, url in folders.items():
                edited.setdefault("remote", {}).setdefault(name, {})["url"] = str(url)

    def refresh(self, job: RefreshJob, *, interpreter: Interpreter, log: Path, say: Say) -> None:
        """The user's command, or `dvc update` and `dvc repro`, one after the other."""
        log.unlink(missing_ok=True)
        for words in self._commands(job):
            heard = Heard(say)
            done = process.stream(
                words,
                cwd=self.root / self.folder,
                env=self._variables(interpreter),
                log=log,
                on_line=heard,
                timeout=job.timeout,
            )
            last = heard.lines[-SHOWN_LINES:]
            if done.timed_out:
                raise self._failed(f"it did not end within {job.timeout:g} s", last, log)
            if done.code != 0:
                raise self._failed(f"it ended with exit {done.code}", last, log)

    def remote(self) -> str:
        found = self.dvc.remote
        return found.name if found is not None else ""

    def _commands(self, job: RefreshJob) -> list[list[str]]:
        if job.command:
            return [["sh", "-c", job.command]]
        found = []
        if job.imports:
            found.append(self.dvc.words("update", *(self._shown(path) for path in job.imports)))
        if job.stages:
            # `--force` alone would leave a frozen stage's deps unlooked at, and run what comes before it.
            names = [f"{self._shown(file)}:{name}" for file, name in job.stages]
            found.append(self.dvc.words("repro", "--force", "--single-item", *names))
        return found

    def _shown(self, path: str) -> str:
        """A path from the root, from the folder that DVC is started in."""
        return posixpath.relpath(path, self.folder or ".")

    def _variables(self, interpreter: Interpreter) -> dict[str, str]:
        """The user's Python first on PATH; last of all ours, for a `dvc` that the user's environment lacks."""
        env = self.dvc.variables(interpreter.environ(self.environ))
        return {**env, "PATH": f"{env.get('PATH', '')}{os.pathsep}{Path(sys.executable).parent}"}

    def _failed(self, what: str, last: Sequence[str], log: Path) -> StageFailed:
        lines = ["its last lines:", *(f"| {line}" for line in last)] if last else []
        hint = "\n".join([*lines, f"the whole log: {self.dvc.shown(log)}"])
        return StageFailed(f"bringing newer data failed: {what}", hint=hint, docs=DOCS)
