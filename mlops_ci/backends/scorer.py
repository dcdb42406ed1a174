"""Runs the scorer script with the user's Python, as a subprocess with a time limit."""

from __future__ import annotations

import dataclasses
import json
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.errors import StageFailed
from mlops_ci.io import process
from mlops_ci.ports import Interpreter, MeasuringJob, ScoringJob

SCRIPT = Path(__file__).with_name("score_script.py")
# A model that prints for every row would drown everything else; a log is for people.
LARGEST_LOG = 16 * 1024 * 1024
CURES = {
    "ModuleNotFoundError": "a model is scored alone, as it is served: save the modules it needs with "
    "'code_paths', and name its libraries in the environment",
    "MemoryError": "score on a machine with more memory, or with a smaller holdout",
}


@dataclass(frozen=True, kw_only=True)
class SubprocessScorer:
    """Keeps the Scorer port."""

    environ: Mapping[str, str]

    def score(
        self, job: ScoringJob, *, interpreter: Interpreter, cwd: Path, log: Path, timeout: float
    ) -> Mapping[str, Any]:
        """Score and return the summary."""
        found: Mapping[str, Any] = self._run("score", job, interpreter, cwd, log, timeout)
        return found

    def measure(
        self, job: MeasuringJob, *, interpreter: Interpreter, cwd: Path, log: Path, timeout: float
    ) -> Mapping[str, Mapping[str, Sequence[float | None]]]:
        """The user's own metrics."""
        found: Mapping[str, Mapping[str, Sequence[float | None]]]
        found = self._run("measure", job, interpreter, cwd, log, timeout)
        return found

    def _run(
        self, kind: str, job: ScoringJob | MeasuringJob, interpreter: Interpreter, cwd: Path, log: Path, timeout: float
    ) -> Any:
        log.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            answer, order = Path(folder) / "answer.json", Path(folder) / "job.json"
            document = {"kind": kind, "answer": str(answer), **dataclasses.asdict(job)}
            order.write_text(json.dumps(document, default=str), "utf-8")
            done = process.stream(
                [interpreter.path, SCRIPT, order],
                cwd=cwd,
                env=self._environ(interpreter),
                log=log,
                timeout=timeout,
                largest_log=LARGEST_LOG,
            )
            if done.timed_out:
                raise _failed(kind, f"it did not end within {timeout:g} s", done, log)
            if not answer.exists():
                raise _failed(kind, _ending(done), done, log)
            found = json.loads(answer.read_text("utf-8"))
        if "done" not in found:
            raise _failed(kind, str(found["refused"]), done, log)
        return found["done"]

    def _environ(self, interpreter: Interpreter) -> dict[str, str]:
        return {
            **interpreter.environ(self.environ),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "PYTHONUNBUFFERED": "1",
            # A model directory must keep its digest.
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def _failed(kind: str, reason: str, done: process.Completed, log: Path) -> StageFailed:
    message = {"score": "the model can't be scored", "measure": "your metrics can't be measured"}[kind]
    cure = [text for name, text in CURES.items() if reason.startswith(name)]
    last = ["its last lines:", *(f"| {line}" for line in done.tail)] if done.tail else []
    return StageFailed(
        f"{message}: {reason}",
        hint="\n".join([*cure, *last, f"the whole log: {_place(log)}"]),
        docs="evaluation.md#when-scoring-fails",
    )


def _place(log: Path) -> str:
    """A log's place from the folder that holds `.mlops`, which is the same on every machine."""
    parts = log.parts
    return "/".join(parts[parts.index(".mlops") :]) if ".mlops" in parts else str(log)


def _ending(done: process.Completed) -> str:
    """How a child ended that left no answer."""
    if done.code <= 128:
        return f"its Python ended with exit code {done.code}"
    number = done.code - 128
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    short = "; was memory short?" if number == signal.SIGKILL else ""
    return f"its Python was ended by {name}{short}"
