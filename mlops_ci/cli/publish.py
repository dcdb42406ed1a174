"""`mlops-ci publish`: what a fork's run found out, shown by a workflow that nothing of the fork's runs in."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.console import Console, detect
from mlops_ci.cli.options import output_options
from mlops_ci.errors import ArchiveRefused, UsageError
from mlops_ci.github.context import context
from mlops_ci.io.archive import Limits, read_folder
from mlops_ci.records.codec import encode
from mlops_ci.records.results import StageResult
from mlops_ci.records.runs import WorkflowRun
from mlops_ci.records.showing import About, Shown

if TYPE_CHECKING:
    from mlops_ci.ports.reviewing import Reviewing
    from mlops_ci.ports.runs import Runs
    from mlops_ci.report.collect import Report

LIMITS = Limits()


@click.command("publish")
@click.option(
    "--workflow-run",
    "number",
    type=click.IntRange(min=1),
    metavar="ID",
    help="The run to show. [default: the one that started this workflow]",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Read the results in this folder, not the run's artifacts.",
)
@click.option(
    "--config",
    "place",
    default="mlops.yaml",
    show_default=True,
    metavar="PATH",
    help="The config's path in the repository; it is not read.",
)
@output_options
def command(number: int | None, results: Path | None, place: str, **options: bool) -> int:
    """Show on a fork's pull request what its own run found out.

    For a workflow that begins when the pull request's has ended (on: workflow_run). Which pull request it is, GitHub
    says. What the run handed over is read as data, within limits: exit 10 where it is refused. Nothing is checked out.
    Of a run that still goes on it marks an older commit's results.
    """
    console = detect(os.environ, quiet=options["quiet"], json=options["json"])
    runs, reviewing = wiring.publishing()
    run = runs.run(number or started_by())
    pulls = [pull.number for pull in runs.pulls(run)]
    if not pulls or run.event != "pull_request":
        return skipped(console, run)
    folder, _, name = place.rpartition("/")
    about = About(head=run.head, folder=f"{folder}/" if folder else "", config=name, run_url=run.url, fork=True)
    if not run.conclusion:
        return marked(console, [replace(about, pull=pull) for pull in pulls], reviewing)
    try:
        shown = show(run, pulls, about, read(run, results, runs), reviewing)
    except ArchiveRefused as error:
        say_refused(error, [replace(about, pull=pull) for pull in pulls], reviewing, console)
        raise
    return told(console, shown)


def started_by() -> int:
    """The run that this workflow was started by. Raises UsageError where it was started by something else."""
    found = context(os.environ).payload.get("workflow_run")
    number = found.get("id") if isinstance(found, dict) else None
    if not isinstance(number, int):
        hint = "--workflow-run names one; a workflow with 'on: workflow_run' has it by itself"
        raise UsageError("it is not known which run is to be shown", hint=hint, docs="forks.md")
    return number


def marked(console: Console, places: Sequence[About], reviewing: Reviewing) -> int:
    """The run goes on: an older commit's numbers must not stand for this one's."""
    from mlops_ci.cli.showing import BEGUN, mark_begun

    return told(console, [(about, mark_begun(about, reviewing=reviewing)) for about in places], BEGUN)


def skipped(console: Console, run: WorkflowRun) -> int:
    """Nothing is to be shown."""
    if run.event != "pull_request":
        why = f"run {run.number} was not for a pull request"
    else:
        why = f"no open pull request stands at {run.head[:12]}: it has moved on, or was closed; its next run is shown"
    if console.json:
        console.document([])
    console.show(f"skipped: {why}")
    return 0


def read(run: WorkflowRun, results: Path | None, runs: Runs) -> dict[str, bytes]:
    """The files that were handed over, by their names. Raises ArchiveRefused."""
    from mlops_ci.stages.publish import fetch

    return read_folder(results, LIMITS) if results is not None else fetch(run, runs=runs, limits=LIMITS)


def show(
    run: WorkflowRun, pulls: Sequence[int], about: About, files: dict[str, bytes], reviewing: Reviewing
) -> list[tuple[About, Shown]]:
    """Check the files and show them; where there are none, that nothing was judged. Raises ArchiveRefused."""
    from mlops_ci.cli.showing import announce_report, publish
    from mlops_ci.report.collect import Report
    from mlops_ci.stages.publish import verify

    if files:
        number, results = verify(files, head=run.head, pulls=pulls)
        report, places = report_of(results, run), [replace(about, pull=number)]
    else:
        expected = () if run.conclusion == "success" else None
        report, places = Report(models=()), [replace(about, pull=number, expected=expected) for number in pulls]
    announce_report(report, places[0])
    return [(item, publish(report, item, reviewing=reviewing)) for item in places]


def report_of(results: Sequence[StageResult], run: WorkflowRun) -> Report:
    """The report of checked results, by the same way as any other: through files, of names that are ours."""
    from mlops_ci.io.workspace import Workspace
    from mlops_ci.report.collect import Report, collect
    from mlops_ci.report.standing import Standing, standing

    with tempfile.TemporaryDirectory(prefix="mlops-ci-") as folder:
        workspace = Workspace(Path(folder))
        for result in results:
            workspace.write_result(result)
        report = collect(workspace, sorted({result.model for result in results}))
    red = any(standing(model) not in (Standing.PASSED, Standing.SKIPPED) for model in report.models)
    if run.conclusion == "success" or red:
        return report
    note = "The run as a whole did not pass: something of it is red that handed over no result."
    return Report(models=tuple(replace(model, notes=(*model.notes, note)) for model in report.models))


def say_refused(error: ArchiveRefused, places: Sequence[About], reviewing: Reviewing, console: Console) -> None:
    """Let no older numbers stand for results that were refused."""
    from mlops_ci.cli.showing import marker, tell
    from mlops_ci.records.showing import Publication
    from mlops_ci.report import refused
    from mlops_ci.stages.show import show as show_publication

    for about in places:
        text = refused.render(error.message, about)
        publication = Publication(head=about.head, pull=about.pull, marker=marker(about), comment=text)
        tell(console, show_publication(publication, reviewing=reviewing), about)


def told(console: Console, shown: Sequence[tuple[About, Shown]], written: str = "is about") -> int:
    """What became of it; exit 3 where GitHub did not take all of it."""
    from mlops_ci.cli.showing import tell

    for about, item in shown:
        tell(console, item, about, written)
    if console.json:
        console.document([{"pull": about.pull, "head": about.head, **encode(item)} for about, item in shown])
    return 3 if any(item.problems for _, item in shown) else 0
