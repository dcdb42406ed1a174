"""`mlops-ci status`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.build import NEXT, version_of
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.parts import path_of, released
from mlops_ci.cli.session import Session, open_session
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import GateFailed, MlopsError, StaleError
from mlops_ci.io import clock
from mlops_ci.records.affected import Affected
from mlops_ci.records.codec import encode
from mlops_ci.records.forge import PullState
from mlops_ci.records.living import branch_of
from mlops_ci.records.models import Release, Version
from mlops_ci.records.status import GIT, REGISTRY, TARGET, Standing
from mlops_ci.stages.approvals import approved as noted
from mlops_ci.stages.deploy import release_of
from mlops_ci.stages.judged import require_judged
from mlops_ci.stages.releases import read_release
from mlops_ci.stages.requirements import approvers
from mlops_ci.stages.status import MERGE, Word, ask, stand

EVERY = 2.0  # seconds between two looks of --watch


@click.command("status")
@click.option("--watch", is_flag=True, help="Look again every two seconds, until interrupted.")
@common_options
def command(watch: bool, **options: Any) -> int:
    """Show git, registry and what serves, side by side.

    For each model and environment: what this commit wants there, what the registry's alias names, what serves and
    since when. Exit 10 where they disagree, or one of them can't be asked, with the command that mends it.
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
    """One model in one environment: each of the three is looked at apart, and may be unknown."""
    serving = ask(lambda: wiring.deployer(session.config, environment).serving(model.name, environment.name))
    wanted = ask(lambda: wish(session, model, environment, item, target_down=bool(serving.unknown)))
    named = ask(lambda: session.registry.champion(model.name, environment.name))
    return stand(
        model.name,
        environment.name,
        wanted=wanted,
        alias=alias(named),
        serving=serving,
        undo=lambda serves: undo(session, model, environment, serves),
        approved=approvals.of(model, environment, wanted.value, named.value),
    )


def alias(named: Word[Version | None]) -> Word[str]:
    """The digest of the version that the registry's alias names, '' for none."""
    if named.unknown:
        return Word(unknown=named.unknown, mend=named.mend)
    return Word(value=named.value.model_digest if named.value else "")


def undo(session: Session, model: Model, environment: Environment, serves: Release) -> str:
    """The command that makes git want what serves, where another was taken back at once: the merge of the rollback's
    pull request, or what opens that."""
    branch = branch_of(f"rollback/{model.name}/{environment.name}")
    try:
        pulls = session.forge.pulls(branch=branch, state=PullState.OPEN)
    except MlopsError:
        return "merge the rollback's pull request"
    if pulls:
        return f"merge {pulls[0].url}" if pulls[0].url else f"mlops-ci forge merge {pulls[0].number}"
    return f"mlops-ci rollback --model {model.name} --environment {environment.name} --to {serves.version}"


@dataclass
class Approvals:
    """Who approved what, in one look. A forge that is down takes nothing but that away; it is asked once, since it is
    asked with patience. `down` is what it failed with."""

    session: Session
    down: str = ""

    def of(
        self, model: Model, environment: Environment, wanted: Release | None, named: Version | None
    ) -> tuple[str, ...] | None:
        """Who approved what is wanted here; None where nothing tells. Of the first environment, which no promotion
        brings to, the version that the alias names has a note, where it is the one that is wanted."""
        if environment is model.environments[0]:
            same = wanted is not None and named is not None and named.model_digest == wanted.model_digest
            return noted(named.tags, environment.name) if named is not None and same else None
        if not self.down:
            try:
                brought_by = self.session.git.last_change(path_of(self.session, model, environment))
                return approvers(model.name, environment.name, brought_by, self.session.forge)
            except MlopsError as error:
                self.down = error.message
        return (f"(unknown: {self.down})",)


def wish(
    session: Session, model: Model, environment: Environment, item: Affected, *, target_down: bool
) -> Release | None:
    """What git wants served here. Raises MlopsError where that is not known, with the command that changes that.

    A target that is down is not asked what it has served before.
    """
    if environment is not model.environments[0]:
        return read_release(session.config, model.name, environment.name, tree=session.project.tree)
    if target_down:
        found = release_of(version_of(session, model, item), model)
    else:
        found = released(session, model, environment, item)
    if found.version == NEXT:
        candidate = session.tracker.find(model.name, item.inputs_digest)
        digests = {"inputs_digest": item.inputs_digest, "judgement_digest": item.judgement_digest}
        require_judged(model, candidate, **digests)
        raise StaleError("what was judged is not registered yet", hint=MERGE)
    return found


def lines(standing: Standing) -> list[str]:
    """One row as text: the answer first, then what git and the registry say, then the cure."""
    mark = "✗" if standing.problem else "✓"
    told = words(standing)
    found = [f"{mark} {standing.model} {standing.environment}: {told[TARGET]}"]
    if standing.unknown.keys() & {GIT, REGISTRY}:
        found += [f"    {told[GIT]}", f"    {told[REGISTRY]}"]
    else:
        found.append(f"    {told[GIT]}; {told[REGISTRY]}")
    if standing.approved or (standing.wanted and standing.approved is not None):
        found.append(f"    approved by {', '.join(standing.approved or ()) or 'nobody'}")
    if standing.problem:
        found.append(f"    {standing.problem}")
    if standing.mend:
        found.append(f"    mend it: {standing.mend}")
    return found


def words(standing: Standing) -> dict[str, str]:
    """What each of the three says; of what is unknown, why."""
    wanted, serving = standing.wanted, standing.serving
    target = "nothing serves"
    if serving is not None:
        state = "serves" if serving.answering else "does not answer"
        target = f"version {serving.release.version} {state} at {serving.url} since {serving.since}"
    said = {
        GIT: f"git wants version {wanted.version} ({wanted.model_digest[:12]})" if wanted else "git wants nothing",
        REGISTRY: f"the alias names {(standing.alias or '')[:12] or 'nothing'}",
        TARGET: target,
    }
    asked = {GIT: "what git wants", REGISTRY: "what the alias names", TARGET: "what serves"}
    return {**said, **{name: f"{asked[name]} is unknown: {why}" for name, why in standing.unknown.items()}}
