"""Newer data by the user's command or by DVC, in a work tree beside the user's checkout."""

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlops_ci.backends.dvc.command import DvcCommand
from mlops_ci.backends.dvc.words import SHOWN_LINES, Heard
from mlops_ci.errors import StageFailed
from mlops_ci.io import files, process
from mlops_ci.ports.retraining import RefreshJob
from mlops_ci.ports.say import Say
from mlops_ci.ports.training import Interpreter

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
        with self._kept({file for file, _ in job.stages}):
            for words in self._commands(job):
                self._run(words, job.timeout, interpreter=interpreter, log=log, say=say)

    def _run(self, words: list[str], timeout: float, *, interpreter: Interpreter, log: Path, say: Say) -> None:
        heard = Heard(say)
        env = self._variables(interpreter)
        done = process.stream(words, cwd=self.root / self.folder, env=env, log=log, on_line=heard, timeout=timeout)
        last = heard.lines[-SHOWN_LINES:]
        if done.timed_out:
            raise self._failed(f"it did not end within {timeout:g} s", last, log)
        if done.code != 0:
            raise self._failed(f"it ended with exit {done.code}", last, log)

    @contextmanager
    def _kept(self, names: set[str]) -> Iterator[None]:
        """Pipelines as they are, whatever is done to them meanwhile; a killed run's are git's again in the next."""
        before = {self.root / name: (self.root / name).read_bytes() for name in sorted(names)}
        try:
            yield
        finally:
            for path, content in before.items():
                files.write_bytes(path, content)

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
            # Not even `--force` runs a frozen stage (DVC 3.67: it looks at the outputs and is done).
            names = [f"{self._shown(file)}:{name}" for file, name in job.stages]
            remote = self.dvc.remote
            pull = ["--pull"] if remote and not remote.versioned else []
            found.append(self.dvc.words("unfreeze", *names))
            found.append(self.dvc.words("repro", *pull, "--force", "--single-item", *names))
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
