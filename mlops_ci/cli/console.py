"""What a person sees: live progress on a terminal, plain lines elsewhere, groups under GitHub Actions.

Everything goes to standard error, so that `--json` has standard output to itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from mlops_ci.cli import log
from mlops_ci.errors import DOCS, MlopsError
from mlops_ci.github.commands import end_group, group, harmless_json
from mlops_ci.github.context import in_actions

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from mlops_ci.ports.say import Say


@dataclass(frozen=True, kw_only=True)
class Console:
    """How to talk. `live`: a terminal that can redraw; `actions`: under GitHub Actions."""

    quiet: bool = False
    json: bool = False
    live: bool = False
    actions: bool = False
    color: bool = False

    @property
    def width(self) -> int:
        """Columns to fill: the terminal's (or COLUMNS), as far as a line can be read."""
        import shutil

        return max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))

    def say(self, text: str) -> None:
        """A line of progress."""
        if not self.quiet:
            click.echo(text, err=True, color=self.color)

    def show(self, text: str) -> None:
        """The command's answer: standard output, unless that belongs to `--json`."""
        if not self.quiet:
            click.echo(text, err=self.json, color=self.color)

    def document(self, document: Any) -> None:
        """The result document, on standard output."""
        import json

        click.echo(self.data(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)))

    def data(self, text: str) -> str:
        """JSON as it may be written here: a job's log changes nothing of it then (see `log`)."""
        return harmless_json(text) if self.actions else text

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """Progress of one piece of work; yields the function that takes its lines."""
        if self.quiet:
            yield lambda line: None
        elif self.actions:
            log.command(group(title))
            try:
                yield lambda line: click.echo(line, err=True)
            finally:
                log.command(end_group())
        elif self.live:
            yield from _live(title, color=self.color)
        else:
            click.echo(title, err=True)
            yield lambda line: click.echo(f"  {line}", err=True)


def _live(title: str, *, color: bool) -> Iterator[Say]:
    from rich.markup import escape

    rich = _rich(color)
    with rich.status(escape(title), spinner="dots") as status:

        def say(line: str) -> None:
            room = max(20, rich.width - len(title) - 6)
            status.update(f"{escape(title)} [dim]{escape(line.strip()[:room])}[/dim]")

        yield say


def _rich(color: bool) -> RichConsole:
    from rich.console import Console as RichConsole

    return RichConsole(stderr=True, no_color=not color, highlight=False)


def detect(environ: Mapping[str, str], *, quiet: bool, json: bool) -> Console:
    """Choose from the environment (NO_COLOR, FORCE_COLOR, TERM, GITHUB_ACTIONS) and what stderr is."""
    terminal = sys.stderr.isatty() and environ.get("TERM", "") != "dumb"
    actions = in_actions(environ)
    color = not environ.get("NO_COLOR") and (terminal or bool(environ.get("FORCE_COLOR")))
    return Console(quiet=quiet, json=json, live=terminal and not actions, actions=actions, color=color)


def error_text(error: MlopsError) -> str:
    """An error like help from a colleague: what and where, then what to do, then where to read on."""
    lines = [f"error: {error}"]
    if error.hint:
        lines += [f"  {line}" for line in error.hint.splitlines()]
    if error.docs:
        lines.append(f"  docs: {DOCS}{error.docs}")
    return "\n".join(lines)
