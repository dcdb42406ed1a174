"""Runs the scorer script with the user's Python, as a subprocess with a time limit."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.errors import StageFailed
from mlops_ci.io import process
from mlops_ci.ports import Interpreter, MeasuringJob, Say, ScoringJob

SCRIPT = Path(__file__).with_name("score_script.py")
REFUSED = "mlops-ci: "


@dataclass(frozen=True, kw_only=True)
class SubprocessScorer:
    """Keeps the Scorer port."""

    environ: Mapping[str, str]

    def score(
        self, job: ScoringJob, *, interpreter: Interpreter, cwd: Path, log: Path, say: Say, timeout: float
    ) -> Mapping[str, Any]:
        """Score and return the summary."""
        found: Mapping[str, Any] = self._run("score", job, interpreter, cwd, log, say, timeout)
        return found

    def measure(
        self, job: MeasuringJob, *, interpreter: Interpreter, cwd: Path, log: Path, say: Say, timeout: float
    ) -> Mapping[str, Mapping[str, Sequence[float | None]]]:
        """The user's own metrics."""
        found: Mapping[str, Mapping[str, Sequence[float | None]]]
        found = self._run("measure", job, interpreter, cwd, log, say, timeout)
        return found

    def _run(
        self,
        kind: str,
        job: ScoringJob | MeasuringJob,
        interpreter: Interpreter,
        cwd: Path,
        log: Path,
        say: Say,
        timeout: float,
    ) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            answer, order = Path(folder) / "answer.json", Path(folder) / "job.json"
            document = {"kind": kind, "answer": str(answer), **dataclasses.asdict(job)}
            order.write_text(json.dumps(document, default=str), "utf-8")
            env = {
                **interpreter.environ(self.environ),
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "DO_NOT_TRACK": "true",
                "PYTHONUNBUFFERED": "1",
            }
            done = process.stream(
                [interpreter.path, SCRIPT, order], cwd=cwd, env=env, log=log, on_line=say, timeout=timeout
            )
            if done.timed_out:
                raise self._failed(f"scoring did not end within {timeout:g} s", done, log)
            if done.code != 0 or not answer.exists():
                raise self._failed(_reason(done), done, log)
            return json.loads(answer.read_text("utf-8"))

    def _failed(self, message: str, done: process.Completed, log: Path) -> StageFailed:
        shown = [line for line in done.tail if not line.startswith(REFUSED)]
        return StageFailed(
            message,
            hint="\n".join(["its last lines:", *(f"| {line}" for line in shown), f"the whole log: {log.name}"]),
            docs="evaluation.md#when-scoring-fails",
        )


def _reason(done: process.Completed) -> str:
    last = next((line for line in reversed(done.tail) if line.startswith(REFUSED)), "")
    if last:
        return f"the model can't be scored: {last.removeprefix(REFUSED)}"
    ending = f"signal {done.code - 128}" if done.code > 128 else f"exit {done.code}"
    return f"scoring ended with {ending}; was memory short?" if done.code == 137 else f"scoring ended with {ending}"
