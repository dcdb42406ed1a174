"""`mlops-ci deploy`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import click

from mlops_ci.cli.dry_run import dry_run_option, show_plan
from mlops_ci.cli.merge import plans, require_clean, ship
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.run_stage import one_run, show
from mlops_ci.cli.session import Session, open_session
from mlops_ci.config.types import Model
from mlops_ci.errors import StaleError, UsageError, did_you_mean
from mlops_ci.records.affected import Affected
from mlops_ci.records.plans import Action, Step
from mlops_ci.records.results import exit_code


@click.command("deploy")
@click.option("--environment", required=True, metavar="NAME", help="Where to serve.")
@dry_run_option
@common_options
def command(environment: str, dry_run: bool, **options: Any) -> int:
    """Serve in one environment what this commit wants there.

    One stage of 'merge', alone: what is wanted must be registered already, and its judgement must hold still, unless
    it has served there before. Nothing is proposed after.
    """
    session = open_session(common(options))
    require_clean(session)
    require_environment(session, environment)
    stage = f"deploy-{environment}"
    nothing = f"nothing to do: git names no release for {environment}, and nothing serves there"
    if dry_run:

        def steps(model: Model, item: Affected) -> Iterator[Step]:
            return alone(plans(session, model, item), stage)

        return show_plan(session, steps, everything=True, nothing=nothing)
    with one_run(session):
        results = [result for item in session.chosen for result in ship(session, item, only=stage)]
        show(session, results, nothing=nothing)
    return exit_code(results)


def alone(steps: Iterable[Step], stage: str) -> Iterator[Step]:
    """The step of one stage. The first environment's needs a version that is registered, and judged as it is now: what
    a merge would do for that, before it, is not done here."""
    before: Step | None = None
    for step in steps:
        if step.stage == "register" and step.action in (Action.DO, Action.BLOCKED):
            before = step
        elif step.stage.startswith("deploy-"):
            if step.stage == stage:
                yield step if before is None else behind(step, before)
            before = None


def behind(step: Step, before: Step) -> Step:
    """A step that another one, of a merge, has to come before."""
    what = f"{before.stage}: {before.what}"
    return replace(step, action=Action.BLOCKED, what=what, exit_code=before.exit_code or StaleError.exit_code)


def require_environment(session: Session, name: str) -> None:
    """Raises UsageError where none of the chosen models has this environment."""
    models = [session.model(item.model) for item in session.chosen]
    known = list(dict.fromkeys(place.name for model in models for place in model.environments))
    if name not in known:
        hint = did_you_mean(name, known, f"environments: {', '.join(known) or 'none'}")
        raise UsageError(f"no model has an environment '{name}'", hint=hint, docs="deploy.md")
