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

from mlops_ci.errors import DataError, StageFailed
from mlops_ci.io import process
from mlops_ci.ports.batch import BatchJob
from mlops_ci.ports.drift import WatchJob
from mlops_ci.ports.say import Say
from mlops_ci.ports.scoring import MeasuringJob, ScoringJob
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.scoring import InputFile, Part

SCRIPT = Path(__file__).with_name("score_script.py")
PROGRESS = "mlops-ci: "  # begins a line that batch_script.py writes for a person
NOTHING: Mapping[str, str] = {}
BATCH = (
    "model_directory",
    "task",
    "code",
    "formats",
    "trusted",
    "refuse_null",
    "notes",
    "batch_rows",
    "rows_done",
    "rows_total",
)
FAILED = {
    "score": "the model can't be scored",
    "measure": "your metrics can't be measured",
    "batch": "the rows can't be scored",
    "watch": "the model can't be asked about the reference",
}
# A model that prints for every row would drown everything else; a log is for people.
LARGEST_LOG = 16 * 1024 * 1024
CURES = {
    "ModuleNotFoundError": "a model is scored alone, as it is served: save the modules it needs with "
    "'code_paths', and name its libraries in the environment",
    "MemoryError": "score on a machine with more memory, or with a smaller holdout",
}


@dataclass(frozen=True, kw_only=True)
class SubprocessScorer:
    """Keeps the Scorer, the BatchScorer and the WatchScorer port."""

    environ: Mapping[str, str]

    def score(
        self, job: ScoringJob, *, interpreter: Interpreter, cwd: Path, log: Path, timeout: float
    ) -> Mapping[str, Any]:
        """Score and return the summary."""
        found: Mapping[str, Any] = self._run("score", dataclasses.asdict(job), interpreter, cwd, log, timeout)
        return found

    def measure(
        self, job: MeasuringJob, *, interpreter: Interpreter, cwd: Path, log: Path, timeout: float
    ) -> Mapping[str, Mapping[str, Sequence[float | None]]]:
        """The user's own metrics."""
        found: Mapping[str, Mapping[str, Sequence[float | None]]]
        found = self._run("measure", dataclasses.asdict(job), interpreter, cwd, log, timeout)
        return found

    def watch(
        self, job: WatchJob, *, interpreter: Interpreter, cwd: Path, log: Path, timeout: float
    ) -> Mapping[str, Any]:
        """Answers on a sample, and each column's importance."""
        found: Mapping[str, Any] = self._run("watch", dataclasses.asdict(job), interpreter, cwd, log, timeout)
        return found

    def batch(self, job: BatchJob, *, interpreter: Interpreter, cwd: Path, log: Path, say: Say) -> Mapping[str, Any]:
        """Write the parts, without a limit of time: what is done stays done."""

        def told(line: str) -> None:
            if line.startswith(PROGRESS):
                say(line[len(PROGRESS) :])

        env = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"} if _only_data(job.formats) else {}
        found: Mapping[str, Any]
        found = self._run("batch", _batch_document(job), interpreter, cwd, log, None, on_line=told, env=env)
        return found

    def _run(
        self,
        kind: str,
        job: Mapping[str, Any],
        interpreter: Interpreter,
        cwd: Path,
        log: Path,
        timeout: float | None,
        *,
        on_line: Say = lambda line: None,
        env: Mapping[str, str] = NOTHING,
    ) -> Any:
        log.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            answer, order = Path(folder) / "answer.json", Path(folder) / "job.json"
            document = {"kind": kind, "answer": str(answer), **job}
            order.write_text(json.dumps(document, default=str), "utf-8")
            done = process.stream(
                [interpreter.path, "-B", SCRIPT, order],  # a model directory must keep its digest
                cwd=cwd,
                env={**self._environ(interpreter), **env},
                log=log,
                on_line=on_line,
                timeout=timeout,
                largest_log=LARGEST_LOG,
            )
            if done.timed_out:
                raise _failed(kind, f"it did not end within {timeout:g} s", done, log)
            if not answer.exists():
                raise _failed(kind, _ending(done), done, log)
            found = json.loads(answer.read_text("utf-8"))
        if kind == "batch" and found.get("unfit"):
            raise DataError(
                f"{FAILED[kind]}: {found['refused']}",
                hint="mend the data, and run the same command again: parts that are whole are kept",
                docs="score.md#when-it-fails",
            )
        if "done" not in found:
            raise _failed(kind, str(found["refused"]), done, log)
        return found["done"]

    def _environ(self, interpreter: Interpreter) -> dict[str, str]:
        return {
            **interpreter.environ(self.environ),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "PYTHONUNBUFFERED": "1",
        }


def _failed(kind: str, reason: str, done: process.Completed, log: Path) -> StageFailed:
    message = FAILED[kind]
    cure = [text for name, text in CURES.items() if reason.startswith(name)]
    last = ["its last lines:", *(f"| {line}" for line in done.tail)] if done.tail else []
    return StageFailed(
        f"{message}: {reason}",
        hint="\n".join([*cure, *last, f"the whole log: {_place(log)}"]),
        docs="score.md#when-it-fails" if kind == "batch" else "evaluation.md#when-scoring-fails",
    )


def _only_data(formats: Sequence[str] | None) -> bool:
    """Whether MLflow is to unpickle nothing; it counts skops among the pickles."""
    return formats is not None and not {"pickle", "skops"} & set(formats)


def _batch_document(job: BatchJob) -> dict[str, Any]:
    """The job as the script reads it."""
    document = {name: getattr(job, name) for name in BATCH}
    parts = [_part(part, *places) for part, places in zip(job.parts, job.places, strict=True)]
    files = [_file(file) for file in job.rows.files]
    return {**document, "files": files, "parts": parts, "keep": job.rows.keep, "kept": job.rows.schema}


def _file(file: InputFile) -> dict[str, Any]:
    return {"place": file.place, "name": file.name, "names": file.names, "partition": file.partition}


def _part(part: Part, beside: str, place: str) -> dict[str, Any]:
    notes = {"mlops_ci.part": part.name, "mlops_ci.rows": str(part.rows)}
    return {"of": part.of, "groups": part.groups, "rows": part.rows, "beside": beside, "place": place, "notes": notes}


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
