"""`mlops-ci register`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mlops_ci.cli.drift_reference import watched
from mlops_ci.cli.dry_run import dry_run_option, show_plan
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.run_stage import StageFunction, run_stage
from mlops_ci.cli.session import Session, open_session
from mlops_ci.config.types import Model
from mlops_ci.errors import MlopsError
from mlops_ci.ports.say import Say
from mlops_ci.records.affected import Affected
from mlops_ci.records.plans import Action, Step
from mlops_ci.records.results import StageResult
from mlops_ci.stages import register


@click.command("register")
@dry_run_option
@common_options
def command(dry_run: bool, **options: Any) -> int:
    """Give a judged candidate its registry version.

    Finds the candidate that was judged with exactly the inputs of this commit and proves that its stored bytes
    are the ones that were judged. One version a model digest, however often it is run.
    """
    session = open_session(common(options))
    if dry_run:
        return show_plan(session, lambda model, item: steps(session, model, item))
    return run_stage(session, "register", stage_function(session))


def steps(session: Session, model: Model, item: Affected) -> Iterator[Step]:
    """What would be registered, or what is in the way."""
    try:
        yield plan(session, model, item).step
    except MlopsError as error:
        yield Step(
            model=model.name, stage="register", action=Action.BLOCKED, what=str(error), exit_code=error.exit_code
        )


def plan(session: Session, model: Model, item: Affected) -> register.Plan:
    """The plan, with the session's ports."""
    with tempfile.TemporaryDirectory() as folder:
        return register.plan(
            model,
            inputs_digest=item.inputs_digest,
            judgement_digest=item.judgement_digest,
            tracker=session.tracker,
            registry=session.registry,
            scratch=Path(folder),
            origin=session.origin,
        )


def stage_function(session: Session) -> StageFunction:
    """The register stage, wired."""

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        planned = plan(session, model, item)
        say(planned.step.sentence())
        result = register.apply(planned, registry=session.registry)
        return watched(session, model, planned.candidate.run_id, result, say=say)

    return run
