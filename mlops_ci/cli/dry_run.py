"""`--dry-run`: say what would be done, and write nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from mlops_ci.cli.session import Session
from mlops_ci.config.types import Model
from mlops_ci.records.affected import Affected
from mlops_ci.records.codec import encode
from mlops_ci.records.plans import Step
from mlops_ci.report.clean import plain

LONGEST = 500  # characters of one line of a difference
Function = TypeVar("Function", bound=Callable[..., Any])


def dry_run_option(function: Function) -> Function:
    """The option --dry-run."""
    return click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")(function)


def show_plan(
    session: Session, plan: Callable[[Model, Affected], Iterable[Step]], *, everything: bool = False, nothing: str = ""
) -> int:
    """Print every selected model's steps; the exit code is that of the first step that is blocked. `nothing` says why
    there are none, where it is not that no model is affected."""
    chosen = session.chosen if everything else session.selected
    steps = [step for item in chosen for step in plan(session.model(item.model), item)]
    if session.console.json:
        session.console.document([encode(step) for step in steps])
    if not steps:
        since = session.base[:12] or "the beginning"
        session.console.show(nothing or f"nothing to do: no model is affected since {since}")
    for step in steps:
        session.console.show(f"{step.model}: {step.sentence()}")
        for line in step.changes:
            session.console.show(f"    {plain(line, longest=LONGEST)}")
    return next((step.exit_code for step in steps if step.exit_code), 0)
