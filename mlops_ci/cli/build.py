"""`mlops-ci build`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.dry_run import dry_run_option, show_plan
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.run_stage import StageFunction, run_stage
from mlops_ci.cli.session import Session, open_session
from mlops_ci.config.types import Model
from mlops_ci.errors import MlopsError, StaleError
from mlops_ci.ports.say import Say
from mlops_ci.records.affected import Affected
from mlops_ci.records.models import Version
from mlops_ci.records.plans import Action, Step
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages import build

NEXT = "(next)"


@click.command("build")
@dry_run_option
@common_options
def command(dry_run: bool, **options: Any) -> int:
    """Pack a registered version into its image.

    Builds the image that `build:` describes, pushes it, and writes its digest down with the version: once for each
    version, however often it is run. With `mode: none` it only writes down where the model lies.
    """
    session = open_session(common(options))
    if dry_run:
        return show_plan(session, lambda model, item: steps(session, model, item))
    return run_stage(session, build.STAGE, stage_function(session))


def steps(session: Session, model: Model, item: Affected) -> Iterator[Step]:
    """What would be built, or what is in the way."""
    try:
        yield plan(session, model, item).step if build.wanted(model) else nothing(model)
    except MlopsError as error:
        yield Step(
            model=model.name, stage=build.STAGE, action=Action.BLOCKED, what=str(error), exit_code=error.exit_code
        )


def nothing(model: Model) -> Step:
    """A model that no image is wanted of."""
    return Step(model=model.name, stage=build.STAGE, action=Action.SKIP, what="no 'build:'")


def plan(session: Session, model: Model, item: Affected) -> build.Plan:
    """The plan, with the session's ports."""
    where = session.config.where(f"models.{model.name}.train.environment")
    build.require_files(model, session.inputs(model).environment, where=where)
    return build.plan(model, version_of(session, model, item), wiring.yard(session.config))


def version_of(session: Session, model: Model, item: Affected) -> Version:
    """The version of what was trained with the inputs of this commit; its number is NEXT where it is not registered.

    Raises StaleError where nothing was.
    """
    candidate = session.tracker.find(model.name, item.inputs_digest)
    if candidate is None:
        raise StaleError(
            f"nothing was trained with the inputs of this commit ({item.inputs_digest[:12]})",
            hint=f"mlops-ci pull-request --model {model.name}",
        )
    known = session.registry.version_of(model.name, candidate.model_digest)
    return known or Version(
        model=model.name,
        number=NEXT,
        run_id=candidate.run_id,
        model_digest=candidate.model_digest,
        inputs_digest=candidate.inputs_digest,
    )


def stage_function(session: Session) -> StageFunction:
    """The build stage, wired."""

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        if not build.wanted(model):
            return StageResult(stage=build.STAGE, model=model.name, status=Status.SKIPPED, reason=nothing(model).what)
        planned = plan(session, model, item)
        if planned.version.number == NEXT:
            raise StaleError("what was trained with these inputs is not registered", hint="mlops-ci merge")
        say(planned.step.sentence())
        return build.apply(planned, wiring.yard(session.config), say=say)

    return run
