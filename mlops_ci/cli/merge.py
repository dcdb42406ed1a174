"""`mlops-ci merge`: what a merge makes true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from mlops_ci.cli.dry_run import dry_run_option, show_plan
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.run_stage import one_run, perform_one, show
from mlops_ci.cli.session import Session, open_session
from mlops_ci.cli.shipping import Part, blocked, way
from mlops_ci.config.types import Model
from mlops_ci.errors import MlopsError, UsageError
from mlops_ci.records.affected import Affected
from mlops_ci.records.plans import Action, Step
from mlops_ci.records.results import StageResult, Status, exit_code


@click.command("merge")
@dry_run_option
@common_options
def command(dry_run: bool, **options: Any) -> int:
    """Ship what was reviewed: register, serve, promote.

    Brings every model to where this commit says it should be: the judged model gets its version and is served in the
    first environment, release files are served in theirs, and what may follow is proposed as a pull request. Nothing
    is ever trained. Run it again at any time: what is done stays done. Exit 11 if what is here is not what was judged.
    """
    session = open_session(common(options))
    require_clean(session)
    if dry_run:
        return show_plan(session, lambda model, item: plans(session, model, item), everything=True)
    results: list[StageResult] = []
    with one_run(session):
        for item in session.chosen:
            results += ship(session, item)
        show(session, results)
    return exit_code(results)


def require_clean(session: Session) -> None:
    """Raises UsageError where the working tree is not what its commit says."""
    if session.uncommitted:
        raise UsageError(
            f"the working tree has uncommitted changes ({session.uncommitted[0]}); a release must name its commit",
            hint="commit or stash them, then run again",
        )


def plans(session: Session, model: Model, item: Affected) -> Iterator[Step]:
    """What would be done with one model, up to what is in the way."""
    for part in parts(session, model, item):
        step = part.plan()
        yield step
        if step.action is Action.BLOCKED:
            return


def ship(session: Session, item: Affected) -> Iterator[StageResult]:
    """One model's way, up to the first part that is red; other models go theirs."""
    for part in parts(session, session.model(item.model), item):
        result = perform_one(session, part.stage, item, part.run)
        yield result
        if result.status not in (Status.PASSED, Status.SKIPPED):
            return


def parts(session: Session, model: Model, item: Affected) -> Iterator[Part]:
    """The model's way; where it can't go on, a last part that says why."""
    try:
        yield from way(session, model, item)
    except MlopsError as error:
        yield blocked(model, error)
