"""`mlops-ci status`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.build import NEXT
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.parts import path_of, released
from mlops_ci.cli.session import Session, open_session
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import GateFailed, MlopsError
from mlops_ci.io import clock
from mlops_ci.records.affected import Affected
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release
from mlops_ci.records.status import Standing
from mlops_ci.stages.releases import read_release
from mlops_ci.stages.requirements import approvers
from mlops_ci.stages.status import stand

EVERY = 2.0  # seconds between two looks of --watch


@click.command("status")
@click.option("--watch", is_flag=True, help="Look again every two seconds, until interrupted.")
@common_options
def command(watch: bool, **options: Any) -> int:
    """Show git, registry and what serves, side by side.

    For each model and environment: what this commit wants there, what the registry's alias names, what serves and
    since when. Exit 10 where they disagree, with the command that mends it.
    """
    chosen = common(options)
    while watch:
        click.clear()
        show(open_session(chosen))
        clock.sleep(EVERY)
    return show(open_session(chosen))


def show(session: Session) -> int:
    """All rows, once; the exit code."""
    approvals = Approvals(session)
    rows = [
        row(session, session.model(item.model), environment, item, approvals)
        for item in session.chosen
        for environment in session.model(item.model).environments
    ]
    if session.console.json:
        session.console.document([encode(standing) for standing in rows])
    for standing in rows:
        for line in lines(standing):
            session.console.show(line)
    if not rows:
        session.console.show("no model has environments: nothing is to be served")
    return GateFailed.exit_code if any(standing.problem for standing in rows) else 0


def row(session: Session, model: Model, environment: Environment, item: Affected, approvals: Approvals) -> Standing:
    """One model in one environment; what can't be looked at is a row that says why."""
    try:
        serving = wiring.deployer(session.config, environment).serving(model.name, environment.name)
        wanted, reason = wish(session, model, environment, item)
    except MlopsError as error:
        return Standing(
            model=model.name,
            environment=environment.name,
            wanted=None,
            alias=None,
            serving=None,
            problem=f"{error}. {error.hint}" if error.hint else str(error),
            mend="",
        )
    return stand(
        model.name,
        environment.name,
        wanted=wanted,
        reason=reason,
        registry=session.registry,
        serving=serving,
        approved=approvals.of(model, environment),
    )


@dataclass
class Approvals:
    """Who approved what, in one look. A forge that is down takes nothing but that away; it is asked once, since it is
    asked with patience. `down` is what it failed with."""

    session: Session
    down: str = ""

    def of(self, model: Model, environment: Environment) -> tuple[str, ...]:
        """Who approved what is wanted here."""
        if environment is model.environments[0]:
            return ()
        if not self.down:
            brought_by = self.session.git.last_change(path_of(self.session, model, environment))
            try:
                return approvers(model.name, environment.name, brought_by, self.session.forge)
            except MlopsError as error:
                self.down = error.message
        return (f"(unknown: {self.down})",)


def wish(session: Session, model: Model, environment: Environment, item: Affected) -> tuple[Release | None, str]:
    """What git wants served here, or why that is not known."""
    if environment is not model.environments[0]:
        return read_release(session.config, model.name, environment.name, tree=session.project.tree), ""
    try:
        found = released(session, model, environment, item)
    except MlopsError as error:
        return None, error.message
    return (None, "what was judged is not registered yet") if found.version == NEXT else (found, "")


def lines(standing: Standing) -> list[str]:
    """One row as text: the answer first, then the three words, then the cure."""
    mark = "✗" if standing.problem else "✓"
    wanted, serving = standing.wanted, standing.serving
    git = f"git wants version {wanted.version} ({wanted.model_digest[:12]})" if wanted else "git wants nothing known"
    alias = {None: "no answer", "": "no version"}.get(standing.alias, (standing.alias or "")[:12])
    target = "nothing serves"
    if serving is not None:
        state = "serves" if serving.answering else "does not answer"
        target = f"version {serving.release.version} {state} at {serving.url} since {serving.since}"
    found = [f"{mark} {standing.model} {standing.environment}: {target}", f"    {git}; the alias names {alias}"]
    if standing.approved:
        found.append(f"    approved by {', '.join(standing.approved)}")
    if standing.problem:
        found.append(f"    {standing.problem}")
    if standing.mend:
        found.append(f"    mend it: {standing.mend}")
    return found
