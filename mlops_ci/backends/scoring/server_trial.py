"""The real model server before anybody meets it: whether it would take a model's files, and what a request costs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.backends.keeper.server_settings import with_windows
from mlops_ci.errors import BackendError, StageFailed, UsageError
from mlops_ci.io import clock, files, http, process
from mlops_ci.ports.scoring import ServableModel, TrialJob
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.evaluation import ServingFacts

START_SECONDS = 300.0
WARM_UP = 20  # requests that are not counted: the first ones load what the later ones find
TAIL = 20
CHECK_SECONDS = 600.0
LONGEST_REASON = 300
ERROR = "error: "  # how the server begins the line with its reason


@dataclass(frozen=True, kw_only=True)
class LocalServerTrial:
    """Keeps the ServerTrial port. `server_code` puts the server's files into a folder."""

    environ: Mapping[str, str]
    server_code: Callable[[Path], object]

    def refusal(self, job: ServableModel, *, interpreter: Interpreter, cwd: Path, log: Path) -> str:
        """The server's own checks, in the environment that serves: what a skops file may hold is told there alone."""
        words, env = self._prepared(job, interpreter, cwd)
        done = process.run([*words, "--check"], cwd=cwd, env=env, timeout=CHECK_SECONDS)
        files.write_text(log, done.stdout + done.stderr)
        if done.code == 0:
            return ""
        if done.code == UsageError.exit_code and (reason := _reason(log)):
            return reason
        raise _failed("the model's files could not be checked", log)

    def measure(self, job: TrialJob, *, interpreter: Interpreter, cwd: Path, log: Path) -> ServingFacts:
        """Start, wait, ask one request after the other, stop."""
        words, env = self._prepared(job, interpreter, cwd)
        ready = cwd / "ready.json"
        ready.unlink(missing_ok=True)
        begun = clock.stopwatch()
        try:
            with process.running([*words, "--ready-file", ready], cwd=cwd, env=env, log=log) as alive:
                told = _started(ready, alive, log)
                seconds = clock.stopwatch() - begun
                url = f"http://127.0.0.1:{told['port']}/v1/models/{job.name}:predict"
                _accepted(job, url, log)
                times = _ask(job, url, log)
                memory = _memory(int(told["pid"]))
        finally:
            shutil.rmtree(cwd / "windows", ignore_errors=True)  # a request log costs what it costs, and is nobody's
        return ServingFacts(
            requests=len(times),
            p50_ms=round(1000 * _quantile(times, 0.5), 3),
            p99_ms=round(1000 * _quantile(times, 0.99), 3),
            memory_mb=memory,
            ready_seconds=round(seconds, 3),
        )

    def _prepared(
        self, job: ServableModel, interpreter: Interpreter, cwd: Path
    ) -> tuple[Sequence[str | Path], dict[str, str]]:
        """The command that a deploy starts, and its environment."""
        self.server_code(cwd / "code")
        words: list[str | Path] = [interpreter.path, "-B", "-m", "mlops_ci.serving", "--model", job.model_directory]
        words += ["--name", job.name, "--digest", job.model_digest]
        if job.settings:
            files.write_json(cwd / "settings.json", with_windows(job.settings, str(cwd / "windows")))
            words += ["--settings", cwd / "settings.json"]
        return words, {**interpreter.environ(self.environ), "PYTHONPATH": str(cwd / "code")}


def _started(ready: Path, alive: Callable[[], bool], log: Path) -> dict[str, Any]:
    begun = clock.stopwatch()
    while clock.stopwatch() - begun < START_SECONDS:
        if ready.exists():
            told: dict[str, Any] = json.loads(ready.read_text("utf-8"))
            return told
        if not alive():
            why = _reason(log)
            raise _failed(f"the model server did not start{f': {why}' if why else ''}", log)
        clock.sleep(0.02)
    raise _failed(f"the model server was not ready within {START_SECONDS:g} s", log)


def _accepted(job: TrialJob, url: str, log: Path) -> None:
    """What the smoke will ask for is answered, and not refused as null or too large."""
    answer = http.call("POST", url, body=job.recorded, timeout=START_SECONDS)
    if answer.status == 200:
        return
    try:
        why = str(json.loads(answer.body)["error"])[:LONGEST_REASON]
    except (ValueError, KeyError, TypeError):
        why = "no reason given"
    raise _failed(f"the model server answered the recorded rows with {answer.status}: {why}", log)


def _ask(job: TrialJob, url: str, log: Path) -> list[float]:
    """Seconds of each request, sorted."""
    times = []
    try:
        with http.Connection(url) as connection:
            for _ in range(WARM_UP + job.requests):
                begun = clock.stopwatch()
                status = connection.post(job.request)
                times.append(clock.stopwatch() - begun)
                if status != 200:
                    raise _failed(f"the model server answered {status}", log)
    except BackendError as error:
        if isinstance(error, StageFailed):
            raise
        raise _failed(f"the model server did not answer: {error.message}", log) from error
    return sorted(times[WARM_UP:])


def _quantile(ordered: list[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _memory(pid: int) -> float:
    """The largest resident size in MB, as the kernel keeps it; 0 where it keeps none."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return 0.0
    found = next((line for line in lines if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return round(int(found.split()[1]) * 1024 / 1e6, 1)


def _reason(log: Path) -> str:
    """What the server says of its own end, in one line: its error and what to do, or else the last thing it wrote."""
    lines = [line for line in _lines(log) if line.strip()]
    place = next((place for place, line in reversed(list(enumerate(lines))) if line.startswith(ERROR)), None)
    if place is None:
        return lines[-1].strip()[:LONGEST_REASON] if lines else ""
    hints = [line.strip() for line in lines[place + 1 : place + 2] if line.startswith("  ")]
    return "; ".join([lines[place].removeprefix(ERROR), *hints])[:LONGEST_REASON]


def _lines(log: Path) -> list[str]:
    return log.read_text("utf-8", "replace").splitlines() if log.exists() else []


def _failed(message: str, log: Path) -> StageFailed:
    lines = _lines(log)[-TAIL:]
    hint = "\n".join(["its last lines:", *(f"| {line}" for line in lines)]) if lines else ""
    return StageFailed(message, hint=hint, docs="evaluation.md#serving-limits")
