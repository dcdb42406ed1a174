"""`mlops-ci merge`: what a merge makes true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from mlops_ci.cli.dry_run import dry_run_option, show_plan
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.run_stage import one_run, perform_one, show
from mlops_ci.cli.session import Session, open_session
from mlops_ci.cli.shipping import way
from mlops_ci.config.types import Model
from mlops_ci.errors import UsageError
from mlops_ci.records.affected import Affected
from mlops_ci.records.plans import Action, Step
from mlops_ci.records.results import StageResult, Status, exit_code


@click.command("merge")
@dry_run_option
@common_options
def command(dry_run: bool, **options: Any) -> int:
    """Ship what was reviewed: register, build, serve, promote.

    Brings every model to where this commit says it should be: the judged model gets its version, and its image where
    one is wanted, and is served in the
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
    """Raises UsageError where the working tree is not what its commit says, or the commit is on no default branch."""
    if session.uncommitted:
        raise UsageError(
            f"the working tree has uncommitted changes ({session.uncommitted[0]}); a release must name its commit",
            hint="commit or stash them, then run again",
        )
    if not session.git.is_merged(session.config.default_branch):
        raise UsageError(
            f"this commit is not on {session.default_branch}: only what was merged is shipped",
            hint=f"merge it, then run on {session.default_branch}",
        )


def plans(session: Session, model: Model, item: Affected) -> Iterator[Step]:
    """What would be done with one model; what needs a part that is blocked is blocked by that."""
    stopped: set[str] = set()
    for part in way(session, model, item):
        blocking = sorted(stopped.intersection(part.needs))
        if blocking:
            step = Step(model=model.name, stage=part.stage, action=Action.BLOCKED, what=", ".join(blocking))
        else:
            step = part.plan()
        yield step
        if step.action is Action.BLOCKED:
            stopped.add(part.stage)


def ship(session: Session, item: Affected, *, only: str = "") -> Iterator[StageResult]:
    """One model's way, or only one stage of it; what needs a red part is left out, and other models go theirs."""
    stopped: set[str] = set()
    for part in way(session, session.model(item.model), item):
        if part.run is None or only not in ("", part.stage):
            continue
        if stopped.intersection(part.needs):
            stopped.add(part.stage)
            continue
        result = perform_one(session, part.stage, item, part.run)
        yield result
        if result.status not in (Status.PASSED, Status.SKIPPED):
            stopped.add(part.stage)
