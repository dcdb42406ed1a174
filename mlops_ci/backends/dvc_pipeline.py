"""The model's pipeline through DVC's command line, in our environment, with the user's Python first on PATH."""

from __future__ import annotations

import configparser
import importlib.util
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci import yaml12
from mlops_ci.digests.directory import digest_directory, digest_file
from mlops_ci.errors import BackendError, MissingExtra, PipelineError, StageFailed, UsageError
from mlops_ci.io import files, process
from mlops_ci.ports import Interpreter, PipelineJob, PipelineRun, Say
from mlops_ci.records.training import PipelineStage

RUNNING = re.compile(r"^Running stage '([^']+)'")
RESTORED = re.compile(r"^Stage '([^']+)' is cached|^Stage '([^']+)' didn't change")
FAILED = re.compile(r"failed to reproduce '([^']+)'|failed to run.*exited with (-?\d+)")
FETCH_TIMEOUT = 7200.0


@dataclass(frozen=True, kw_only=True)
class DvcPipeline:
    """Keeps the Pipeline port. `root` is the repository's, `folder` holds the pipeline `file`."""

    root: Path
    folder: Path
    file: str
    environ: Mapping[str, str]

    def reproduce(self, job: PipelineJob, *, interpreter: Interpreter, log: Path, say: Say) -> PipelineRun:
        """Pull the run cache, run what changed, push what came out."""
        self._require_repository()
        log.unlink(missing_ok=True)
        env = interpreter.environ(self.environ)
        if job.fetch and self.remote:
            self._pull_run_cache(log, say)
        with self._set_aside(job.unproven):
            run = self._repro(["repro", self._address(job.target)], job, env, log, say)
        if job.push and self.remote:
            self._dvc(["push", "--run-cache", self._address(job.target)], log, say, "push to the DVC remote")
        return run

    def verify(self, job: PipelineJob, *, interpreter: Interpreter, log: Path, say: Say) -> PipelineRun:
        """Once more from the start, without a cache; then compare every output, and put the first ones back."""
        outs = self._outputs(job.target)
        before = {out: _digest(self.folder / out) for out in outs}
        with self._kept(outs):
            words = ["repro", "--force", "--no-commit", "--no-run-cache", self._address(job.target)]
            run = self._repro(words, job, interpreter.environ(self.environ), log, say)
            unstable = tuple(out for out in outs if _digest(self.folder / out) != before[out])
        return PipelineRun(stages=run.stages, seconds=run.seconds, peak_memory_mb=run.peak_memory_mb, unstable=unstable)

    def provide(self, paths: Sequence[str], *, log: Path, say: Say) -> None:
        """`dvc pull` where there is a remote, else `dvc checkout` from the cache."""
        self._require_repository()
        words = ["pull" if self.remote else "checkout", *paths]
        self._dvc(words, log, say, f"fetch {', '.join(paths)}", cwd=self.root)

    @property
    def remote(self) -> str:
        """The default remote's name, '' for none."""
        for name in ("config.local", "config"):
            parser = configparser.ConfigParser(interpolation=None, strict=False)
            try:
                parser.read(self.root / ".dvc" / name, encoding="utf-8")
            except (configparser.Error, UnicodeDecodeError):
                raise PipelineError(
                    f".dvc/{name} is not readable", hint="dvc config --list shows what is wrong"
                ) from None
            if found := parser.get("core", "remote", fallback=""):
                return found
        return ""

    def _require_repository(self) -> None:
        if importlib.util.find_spec("dvc") is None:
            raise MissingExtra("train", "DVC")
        if not any((folder / ".dvc").is_dir() for folder in (self.folder, *self.folder.parents)):
            raise UsageError("DVC is not set up in this repository", hint="dvc init && git add .dvc .dvcignore")

    def _address(self, target: str) -> str:
        """How DVC is told of a stage; a target of another pipeline names its file already."""
        return target if ":" in target or self.file == "dvc.yaml" else f"{self.file}:{target}"

    def _environ(self, env: Mapping[str, str]) -> dict[str, str]:
        site = self.root / ".mlops" / "dvc-site"
        return {**env, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(site), "PYTHONUNBUFFERED": "1"}

    def _dvc(self, words: Sequence[str], log: Path, say: Say, what: str, cwd: Path | None = None) -> None:
        """A DVC command that is not a training. Raises BackendError with DVC's own words."""
        done = process.stream(
            [sys.executable, "-m", "dvc", *words],
            cwd=cwd or self.folder,
            env=self._environ(self.environ),
            log=log,
            on_line=say,
            timeout=FETCH_TIMEOUT,
        )
        if done.code != 0:
            reason = next((line for line in done.tail if line.startswith("ERROR")), (done.tail or ("no reason",))[-1])
            raise BackendError(
                f"could not {what}: {reason.removeprefix('ERROR: ')}",
                hint=f"the whole log: {self._shown(log)}",
                docs="training.md#the-dvc-remote",
            )

    def _pull_run_cache(self, log: Path, say: Say) -> None:
        """What others ran. Without it everything still works, only slower; an empty remote is no fault."""
        try:
            self._dvc(["fetch", "--run-cache"], log, say, "fetch from the DVC remote")
        except BackendError as error:
            say(f"note: {error.message}; going on without what others ran")

    def _repro(
        self, words: Sequence[str], job: PipelineJob, env: Mapping[str, str], log: Path, say: Say
    ) -> PipelineRun:
        watch = _Watch(say)
        done = process.stream(
            [sys.executable, "-m", "dvc", *words],
            cwd=self.folder,
            env=self._environ(env),
            log=log,
            on_line=watch,
            timeout=job.timeout,
        )
        if done.timed_out:
            raise self._failed(f"stage '{watch.current or job.target}' did not end within {job.timeout:g} s", done, log)
        if done.code != 0:
            raise self._failed(watch.failure(done.tail) or f"DVC failed with exit {done.code}", done, log)
        return PipelineRun(
            stages=tuple(PipelineStage(name=name, action=action) for name, action in watch.stages.items()),
            seconds=done.seconds,
            peak_memory_mb=done.peak_memory_mb,
        )

    def _failed(self, message: str, done: process.Completed, log: Path) -> StageFailed:
        return StageFailed(
            message,
            hint="\n".join(
                ["its last lines:", *(f"| {line}" for line in done.tail), f"the whole log: {self._shown(log)}"]
            ),
            docs="training.md#when-a-stage-fails",
        )

    def _shown(self, log: Path) -> str:
        return log.relative_to(self.root).as_posix() if log.is_relative_to(self.root) else str(log)

    @contextmanager
    def _set_aside(self, unproven: Mapping[str, tuple[str, ...]]) -> Iterator[None]:
        """`dvc commit -f` writes a lock that nobody ran: drop the entries of stages we have not seen run.

        DVC then runs them, or restores them from its run cache. After a failure the user's file is put back.
        """
        before: dict[Path, bytes] = {}
        for name, stages in unproven.items():
            path = self.root / name
            if path.is_file():
                before[path] = path.read_bytes()
                files.write_bytes(path, _without(before[path], stages, name))
        try:
            yield
        except BaseException:
            for path, content in before.items():
                files.write_bytes(path, content)
            raise

    def _outputs(self, target: str) -> tuple[str, ...]:
        """The outputs of the target, below the folder, from the lock that was just written."""
        path = self.folder / "dvc.lock"
        entry = yaml12.load(path.read_bytes()).value["stages"].get(target, {})
        return tuple(str(out["path"]) for out in entry.get("outs", []))

    @contextmanager
    def _kept(self, outs: Sequence[str]) -> Iterator[None]:
        """Copies of the outputs and the lock, put back at the end."""
        with tempfile.TemporaryDirectory(dir=self.root / ".mlops") as folder:
            copies = [(self.folder / name, Path(folder) / str(i)) for i, name in enumerate([*outs, "dvc.lock"])]
            for original, copy in copies:
                _copy(original, copy)
            try:
                yield
            finally:
                for original, copy in copies:
                    _remove(original)
                    _copy(copy, original)


class _Watch:
    """Reads DVC's progress: which stage runs, which was restored, which failed."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.stages: dict[str, str] = {}
        self.current = ""

    def __call__(self, line: str) -> None:
        if found := RUNNING.match(line):
            self.current = found.group(1)
            self.stages[self.current] = "ran"
        elif found := RESTORED.match(line):
            self.stages[found.group(1) or found.group(2)] = "cached"
        self.say(line)

    def failure(self, tail: Sequence[str]) -> str:
        text = "\n".join(tail)
        if "Unable to acquire lock" in text or "is busy" in text:
            return "another DVC process is at work in this repository"
        stage = re.search(r"failed to reproduce '([^']+)'", text)
        code = re.search(r"exited with (-?\d+)", text)
        if stage is None:
            return next((line.removeprefix("ERROR: ") for line in tail if line.startswith("ERROR")), "")
        return f"stage '{stage.group(1)}' failed" + (f" with exit {code.group(1)}" if code else "")


def _without(content: bytes, stages: Sequence[str], name: str) -> bytes:
    """A dvc.lock without some stages, as JSON: it is YAML too, and spells every value alike in every dialect."""
    try:
        value: Any = yaml12.load(content).value
    except yaml12.YamlError as error:
        raise PipelineError(error.message, where=f"{name}:{error.line}", hint="dvc repro writes it anew") from None
    if not isinstance(value, dict) or not isinstance(value.get("stages", {}), dict):
        raise PipelineError("is not a dvc.lock", where=name, hint="delete it; dvc repro writes it anew")
    kept = {key: entry for key, entry in (value.get("stages") or {}).items() if key not in stages}
    return json.dumps({**value, "stages": kept}, indent=1).encode()


def _digest(path: Path) -> str:
    if path.is_dir():
        return digest_directory(path)
    return digest_file(path) if path.exists() else ""


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.exists():
        shutil.copy2(source, target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
