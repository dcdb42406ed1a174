"""What a workflow is told: a step's outputs, annotations at the lines that failed, the summary of the job.

Nothing here can turn a run red or green.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_ci.cli import log
from mlops_ci.errors import MlopsError
from mlops_ci.github.commands import Annotation, annotate
from mlops_ci.github.outputs import render
from mlops_ci.records.results import Severity, StageResult, Status, exit_code
from mlops_ci.report.clean import plain

if TYPE_CHECKING:
    from mlops_ci.cli.session import Session

OUTPUTS = {
    "passed": "`true` where nothing is red, else `false`.",
    "skipped": "`true` where there was nothing to do.",
    "models": "The models that this commit affects, as a JSON list: a matrix for the next job.",
    "verdict": "`better`, `non-inferior`, `inconclusive`, `worse` or `first`.",
    "inputs-digest": "The sha256 of everything that decides the model.",
    "model-digest": "The sha256 of the model directory.",
    "version": "The version in the registry.",
    "image": "The image, by digest.",
    "url": "Where the release is served.",
    "pr": "The number of the pull request that was opened or updated.",
    "report": "The report's file.",
}
ONE = ("verdict", "inputs-digest", "model-digest", "version", "image", "url", "pr")
SUMMARY_BYTES = 900 * 1024


def announce(session: Session, results: Sequence[StageResult]) -> None:
    """Tell the workflow, where there is one, of these results."""
    if path := os.environ.get("GITHUB_OUTPUT"):
        append(Path(path), render(outputs(session, results)))
    if session.console.actions:
        prefix = folder(session)
        for line in annotate([item for result in results for item in findings(result, prefix)]):
            log.command(line)


def outputs(session: Session, results: Sequence[StageResult]) -> Mapping[str, str]:
    """Every output; what is about one model is empty where there are several."""
    found = dict.fromkeys(OUTPUTS, "")
    found["passed"] = "true" if exit_code(results) == 0 else "false"
    affected = [item.model for item in session.affected if item.affected]
    found["models"] = json.dumps(affected)
    done = [result for result in results if result.status is not Status.SKIPPED]
    found["skipped"] = "false" if done or (affected and not results) else "true"
    names = {result.model for result in results}
    if len(names) == 1:
        (name,) = names
        for result in results:
            found.update({key: value for key, value in result.outputs.items() if key in ONE})
        report = session.workspace.report_path(name, "html")
        found["report"] = str(report) if report.exists() else ""
    return found


def findings(result: StageResult, prefix: str) -> Iterator[Annotation]:
    """What is red as errors, what only warns as warnings, each at its line; `prefix` is the config's folder."""
    title = f"{result.stage} {result.model}"
    if result.failure is not None:
        text = "\n".join(part for part in (result.failure.message, result.failure.hint) if part)
        yield _placed("error", title, text, result.failure.where, prefix)
    for check in result.checks:
        if check.status is Status.PASSED:
            continue
        waived = bool(check.override) or check.severity is Severity.WARN
        text = f"{check.name}: {check.message or check.status.value}"
        yield _placed("warning" if waived else "error", title, text, check.where, prefix)


def announce_error(error: MlopsError) -> None:
    """Tell the workflow of an error that ended a command: `passed` is false whatever was written before, the summary
    has the error, and an annotation stands at its line, where it names a file of the checkout."""
    if path := os.environ.get("GITHUB_OUTPUT"):
        append(Path(path), render({"passed": "false"}))
    # Verbatim, in a block of code: the runner hides a secret only where no character of it was escaped.
    lines = [
        plain(line, longest=2_000).replace("```", "` ` `") for line in f"error: {error}\n{error.hint}".splitlines()
    ]
    summarise("\n".join(["```text", *lines, "```"]))
    text = "\n".join(part for part in (error.message, error.hint) if part)
    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or ".").resolve()
    prefix = os.path.relpath(error.root or Path.cwd(), workspace)
    found = _placed("error", "mlops-ci", text, error.where, "" if prefix == "." else f"{prefix}/")
    if found.file and (".." in Path(found.file).parts or not (workspace / found.file).is_file()):
        found = replace(found, file="", line=0, message=f"{error.where}: {text}")
    log.command(found.command())


def _placed(level: str, title: str, message: str, where: str, prefix: str) -> Annotation:
    file, _, line = where.rpartition(":") if where.rpartition(":")[2].isdecimal() else (where, "", "")
    return Annotation(
        level=level,
        title=plain(title),
        message=message,
        # What a pipeline's error names counts from the root already.
        file=file if file.startswith(prefix) else f"{prefix}{file}" if file else "",
        line=int(line) if line else 0,
    )


def folder(session: Session) -> str:
    """The config's folder from the root of the repository, '' or with '/' at its end."""
    from mlops_ci.stages.releases import folder as of

    return of(session.config, session.project.tree)


def summarise(text: str) -> None:
    """Add Markdown to the job's summary, where there is one; cut where GitHub would refuse it whole."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        encoded = text.encode()
        if len(encoded) > SUMMARY_BYTES:
            text = encoded[:SUMMARY_BYTES].decode("utf-8", "ignore") + "\n\n_The full report has everything._\n"
        append(Path(path), text + "\n")


def append(path: Path, text: str) -> None:
    """Add to a file of the runner's; one that can't be written costs the outputs, not the run."""
    with contextlib.suppress(OSError), open(path, "a", encoding="utf-8") as file:
        file.write(text)
