"""`mlops-ci report`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from mlops_ci.cli.options import common, common_options, model_names
from mlops_ci.cli.session import Session
from mlops_ci.cli.unconfigured import mark_older, open_shown
from mlops_ci.errors import MissingExtra, UsageError
from mlops_ci.io import files
from mlops_ci.io.workspace import Workspace
from mlops_ci.report.collect import Report, collect

FORMATS = ("terminal", "markdown", "html", "json")
SUFFIXES = {"markdown": "md", "html": "html", "json": "json"}


@click.command("report")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="terminal", show_default=True, help="What to render."
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, not to stdout.")
@click.option("--publish", is_flag=True, help="Write the comment and the checks on GitHub, too.")
@click.option("--begun", is_flag=True, help="Only say in an older commit's comment that judging this one has begun.")
@click.option(
    "--expect",
    callback=model_names,
    metavar="JSON",
    help="The models that must have results, as a JSON list: the output 'models' of 'affected'.",
)
@common_options
def command(
    form: str, output: Path | None, publish: bool, begun: bool, expect: tuple[str, ...] | None, **options: Any
) -> int:
    """Render reports from stored results.

    Reads .mlops/results alone, so any machine that has them can render them. Without --model or --expect every model
    with results is shown; exit 0 whatever they say, and whether or not GitHub took them.
    """
    if begun:
        mark_older(common(options))
        return 0
    session = open_shown(common(options), publish=publish)
    names = list(expect) if expect is not None else models_with_results(session, none=publish)
    if publish:
        from mlops_ci.cli.showing import publish_gathered

        publish_gathered(session, expect, names)
    if not names and not session.console.json:
        return 0
    text = renderer("json" if session.console.json else form, session)(collect(session.workspace, names))
    if output is None:
        as_json = session.console.json or form == "json"
        click.echo(session.console.data(text) if as_json else text, color=session.console.color)
    else:
        files.write_text(output, text)
        session.console.say(f"report: {output}")
    return 0


def models_with_results(session: Session, *, none: bool = False) -> list[str]:
    """The models named, else all that have results. Raises UsageError where there are none, unless `none` may be."""
    names = [session.model(name).name for name in session.options.models] or [
        name for name in session.config.models if (session.workspace.home / "results" / name).is_dir()
    ]
    if not names and not none:
        raise UsageError("there are no results to report yet", hint="mlops-ci pull-request")
    return names


def renderer(form: str, session: Session) -> Callable[[Report], str]:
    """The function that renders a report in one form."""
    if form == "terminal":
        from mlops_ci.report import terminal

        console = session.console
        return lambda report: terminal.render(
            [result for model in report.models for result in model.results], width=console.width, color=console.color
        )
    if form == "markdown":
        from mlops_ci.report import markdown

        return markdown.render
    if form == "html":
        return html_renderer()
    from mlops_ci.report import document

    return document.render


def html_renderer() -> Callable[[Report], str]:
    """The HTML renderer. Raises MissingExtra without its libraries."""
    try:
        from mlops_ci.report import html
    except ModuleNotFoundError as error:
        raise MissingExtra("report", str(error.name)) from None
    return html.render


def write_files(workspace: Workspace, models: Sequence[str]) -> list[Path]:
    """One HTML page, one Markdown and one JSON document a model, below .mlops/reports; the pages come first."""
    from mlops_ci.report import document, markdown

    written = []
    for model in models:
        report = collect(workspace, [model])
        with contextlib.suppress(MissingExtra):  # the Markdown says the same
            written.append(_write(workspace, model, "html", html_renderer()(report)))
        _write(workspace, model, "json", document.render(report))
        markdown_path = _write(workspace, model, "md", markdown.render(report))
        if not written:
            written.append(markdown_path)
    return written


def _write(workspace: Workspace, model: str, suffix: str, text: str) -> Path:
    path = workspace.report_path(model, suffix)
    files.write_text(path, text)
    return path
