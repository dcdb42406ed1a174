"""`mlops-ci canary`: releases that have a share of the traffic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.options import common, model_options
from mlops_ci.cli.run_stage import one_run, show
from mlops_ci.cli.session import Session, open_session
from mlops_ci.cli.telling import tell_canary
from mlops_ci.config.canary import policy
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import UsageError
from mlops_ci.io import clock
from mlops_ci.records.canary import Canary
from mlops_ci.records.codec import encode
from mlops_ci.records.results import StageResult, exit_code
from mlops_ci.report.clean import plain
from mlops_ci.stages.canary import name_of, watch
from mlops_ci.stages.perform import perform

NONE = "skipped: no environment has a 'canary' in mlops.yaml"

environment_option = click.option(
    "--environment", "chosen", default="", metavar="NAME", help="This environment only. [default: all with a canary]"
)


@click.group("canary")
def command() -> None:
    """Look after releases that have a share of the traffic."""


@command.command("tick")
@environment_option
@model_options
def tick(chosen: str, **options: Any) -> int:
    """Judge each canary once, and move its traffic.

    A schedule calls it, every minute or every five; it never waits. Exit 10 where a canary was rolled back, 3 where its
    window could not be measured.
    """
    session = open_session(common(options))
    found = list(places(session, chosen))
    with one_run(session):
        results = [tell_canary(session, *place, look(session, *place)) for place in found]
    show(session, results, nothing=NONE)
    return exit_code(results)


@command.command("show")
@environment_option
@model_options
def show_canaries(chosen: str, **options: Any) -> int:
    """Show each canary, its share, and what its windows said."""
    session = open_session(common(options))
    found = [
        (environment, wiring.canary_target(session.config, environment).canary(model.name, environment.name))
        for model, environment in places(session, chosen)
    ]
    canaries = [(environment, canary) for environment, canary in found if canary is not None]
    if session.console.json:
        session.console.document([{"environment": place.name, **encode(canary)} for place, canary in canaries])
    for place, canary in canaries:
        for line in lines(place.name, canary):
            session.console.show(line)
    if not canaries:
        session.console.show("there is no canary")
    return 0


def places(session: Session, chosen: str) -> Iterator[tuple[Model, Environment]]:
    """The environments that have a `canary`. Raises UsageError where the chosen one has none."""
    names = session.options.models or tuple(session.config.models)
    models = [session.model(name) for name in names]
    found = [(model, place) for model in models for place in model.environments if chosen in ("", place.name)]
    with_canary = [(model, place) for model, place in found if "canary" in place.options]
    if chosen and not with_canary:
        raise UsageError(f"environment '{chosen}' has no 'canary' in mlops.yaml", docs="canary.md")
    yield from with_canary


def look(session: Session, model: Model, environment: Environment) -> StageResult:
    """One look at one place."""
    return perform(
        name_of(environment.name),
        model.name,
        lambda: watch(
            model.name,
            environment.name,
            policy(environment.options["canary"]),
            target=wiring.canary_target(session.config, environment),
            meter=wiring.traffic_meter(environment),
            registry=session.registry,
            now=clock.now(),
        ),
        workspace=session.workspace,
        origin=session.origin,
    )


def lines(environment: str, canary: Canary) -> Iterator[str]:
    """One canary as text: where it stands, and its latest windows."""
    release = canary.release
    yield (
        f"{release.model} {environment}: version {release.version} is {canary.outcome.value} with {canary.percent}% of "
        f"the traffic since {canary.since}, beside version {canary.stable.version}"
    )
    for seen in canary.verdicts:
        yield f"    {seen.at} {seen.percent:>3}% {seen.verdict.value}: {plain(seen.reason)}"
