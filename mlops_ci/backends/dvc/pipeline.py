"""The model's pipeline through DVC's command line, in our environment, with the user's Python first on PATH."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlops_ci import yaml12
from mlops_ci.backends.dvc.command import DvcCommand
from mlops_ci.backends.dvc.files import content_of, kept, set_aside
from mlops_ci.backends.dvc.words import Watch
from mlops_ci.errors import PipelineError, StageFailed
from mlops_ci.io import process
from mlops_ci.ports.say import Say
from mlops_ci.ports.training import Interpreter, PipelineJob, PipelineRun
from mlops_ci.records.training import PipelineStage


@dataclass(frozen=True, kw_only=True)
class DvcPipeline:
    """Keeps the Pipeline port. `root` is the repository's, `folder` the pipeline's, `home` where our files lie."""

    root: Path
    folder: Path
    home: Path
    environ: Mapping[str, str]

    @cached_property
    def dvc(self) -> DvcCommand:
        """DVC in this project."""
        command = DvcCommand(root=self.root, folder=self.folder, home=self.home, environ=self.environ)
        command.require()
        return command

    def reproduce(self, job: PipelineJob, *, interpreter: Interpreter, log: Path, say: Say) -> PipelineRun:
        """Bring the sources, restore what others ran, run what changed, push what came out.

        `--pull` lets DVC restore a stage from the remote's run cache; it does not bring sources whose work tree
        differs from their `.dvc` file, and would take what lies there for the truth. So they are brought before.
        """
        remote = self.dvc.remote
        log.unlink(missing_ok=True)
        self.dvc.bring(job.sources, log, say)
        target = self._address(job.file, job.target)
        pull = ["--pull"] if remote and not remote.versioned else []
        with set_aside(self.root, job.unproven):
            run = self._repro([*pull, target], job, interpreter, log, say)
        if job.push and remote:
            self.dvc.push(target, log, say)
        return run

    def verify(self, job: PipelineJob, *, interpreter: Interpreter, log: Path, say: Say) -> PipelineRun:
        """Every stage once more, without a cache; then compare all they wrote, and put the first outputs back.

        The stages are named one by one: `--force` alone would run frozen ones too.
        """
        outs = self._comparable(job)
        before = {out: content_of(self.root / out) for out in outs}
        locks = {posixpath.join(posixpath.dirname(file), "dvc.lock") for file, _ in job.stages}
        words = ["--force", "--single-item", "--no-commit", "--no-run-cache"]
        with kept([self.root / path for path in (*outs, *sorted(locks))], self.home / "scratch"):
            run = self._repro([*words, *(self._address(*stage) for stage in job.stages)], job, interpreter, log, say)
            unstable = tuple(out for out in outs if content_of(self.root / out) != before[out])
        return PipelineRun(stages=run.stages, seconds=run.seconds, peak_memory_mb=run.peak_memory_mb, unstable=unstable)

    def provide(self, paths: Sequence[str], *, log: Path, say: Say) -> None:
        """`dvc pull` where there is a remote, else `dvc checkout` from the cache."""
        self.dvc.bring(paths, log, say)

    def _comparable(self, job: PipelineJob) -> tuple[str, ...]:
        """The outputs of all stages, from the root. Raises PipelineError where nothing could be compared."""
        outs = tuple(out for written in job.stages.values() for out in written)
        if not outs:
            raise PipelineError(
                f"no stage behind '{job.target}' writes an output, so two trainings can't be compared",
                where=job.file,
                hint="declare what the stages write under 'outs:', and freeze none that is to be compared",
            )
        if outside := [out for out in outs if "://" in out or out.startswith(("/", "../"))]:
            raise PipelineError(
                f"the output '{outside[0]}' lies outside of the repository and can't be compared",
                where=job.file,
                hint="train without --verify, or write it into the repository",
            )
        return outs

    def _address(self, file: str, name: str) -> str:
        """How DVC is told of a stage, from the folder it is started in."""
        return f"{os.path.relpath(self.root / file, self.folder)}:{name}"

    def _repro(
        self, words: Sequence[str], job: PipelineJob, interpreter: Interpreter, log: Path, say: Say
    ) -> PipelineRun:
        watch = Watch(say)
        done = process.stream(
            self.dvc.words("repro", *words),
            cwd=self.folder,
            env=self.dvc.variables(interpreter.environ(self.environ)),
            log=log,
            on_line=watch,
            timeout=job.timeout,
        )
        if done.timed_out:
            stage = watch.current or job.target
            raise self._failed(f"stage '{stage}' did not end within {job.timeout:g} s", job, watch, log)
        if done.code != 0:
            message = watch.failure(done.tail) or f"DVC failed with exit {done.code}"
            raise self._failed(message, job, watch, log)
        return PipelineRun(
            stages=tuple(PipelineStage(name=name, action=action) for name, action in watch.stages.items()),
            seconds=done.seconds,
            peak_memory_mb=done.peak_memory_mb,
        )

    def _failed(self, message: str, job: PipelineJob, watch: Watch, log: Path) -> StageFailed:
        lines = ["its last lines:", *(f"| {line}" for line in watch.last)] if watch.last else []
        hint = "\n".join([*lines, f"the whole log: {self.dvc.shown(log)}"])
        where = self._place(job, watch.failed or watch.current)
        return StageFailed(message, where=where, hint=hint, docs="training.md#when-a-stage-fails")

    def _place(self, job: PipelineJob, stage: str) -> str:
        """`file:line` of a stage as DVC names it: from the folder it was started in, without the file in that one."""
        own = f"{posixpath.basename(job.file)}:{stage}"
        file, name = next((it for it in job.stages if self._address(*it) in (stage, own)), (job.file, ""))
        try:
            lines = yaml12.load((self.root / file).read_bytes()).lines
        except (OSError, yaml12.YamlError):
            return file
        line = lines.get(f"stages.{name.partition('@')[0]}")
        return f"{file}:{line}" if line else file
