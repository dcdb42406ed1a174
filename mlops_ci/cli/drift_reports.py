"""What is written beside a drift result: reports, the job's summary, and metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mlops_ci.cli.announce import summarise
from mlops_ci.cli.session import Session
from mlops_ci.errors import BackendError, MissingExtra
from mlops_ci.io import clock, files, http
from mlops_ci.records.results import StageResult
from mlops_ci.report import drift_markdown, drift_metrics

NAME = "{model}-drift"


def reports(session: Session, result: StageResult) -> None:
    """Markdown and HTML below .mlops/reports, and the summary of a workflow's job."""
    name = NAME.format(model=result.model)
    text = drift_markdown.render(result)
    files.write_text(session.workspace.report_path(name, "md"), text)
    summarise(text)
    if result.details:
        with suppress(MissingExtra):  # the Markdown says the same
            files.write_text(session.workspace.report_path(name, "html"), page(result))


def page(result: StageResult) -> str:
    """The HTML report. Raises MissingExtra without its libraries."""
    try:
        from mlops_ci.report import drift_html
    except ModuleNotFoundError as error:
        raise MissingExtra("report", str(error.name)) from None
    return drift_html.render(result)


def metrics(results: Sequence[StageResult], *, file: Path | None, push: str) -> None:
    """Write them to a file for node_exporter's textfile collector, or push each model's to a Pushgateway.

    Raises BackendError where a Pushgateway does not take them all; each model's is tried.
    """
    now = clock.now().timestamp()
    if file is not None:
        files.write_text(file, drift_metrics.render(results, now=now))
    failures = []
    for result in results if push else ():
        try:
            _push(result, push, now)
        except BackendError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _push(result: StageResult, push: str, now: float) -> None:
    """PUT takes the place of all that was pushed of a model before, POST of the same metrics only: a job that failed
    says so, and when it last gave an answer, and which, stays."""
    url = f"{push.rstrip('/')}/metrics/job/mlops_ci_drift/model/{result.model}"
    method = "PUT" if drift_metrics.answered(result) else "POST"
    answer = http.call(method, url, body=drift_metrics.render([result], now=now).encode())
    if answer.status >= 300:
        reason = answer.body.decode("utf-8", "replace").strip()[:200]
        raise BackendError(f"the Pushgateway answered {answer.status}", hint=reason or "is the address right?")
