"""`mlops-ci rollback`."""

from __future__ import annotations

from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.options import common, config_options
from mlops_ci.cli.parts import path_of, verified
from mlops_ci.cli.session import Session, open_session
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import GateFailed, UsageError, did_you_mean
from mlops_ci.io import clock
from mlops_ci.records.codec import encode
from mlops_ci.records.living import Outcome
from mlops_ci.records.models import Release
from mlops_ci.report.pull_section import section
from mlops_ci.stages import deploy, promote
from mlops_ci.stages.history import earlier, history
from mlops_ci.stages.releases import folder, read_release


@click.command("rollback")
@click.option("--environment", required=True, metavar="NAME", help="Where an earlier release shall serve again.")
@click.option("--model", "name", default="", metavar="NAME", help="The model; needed where there are several.")
@click.option("--to", "version", default="", metavar="VERSION", help="This version. [default: the one before]")
@click.option("--now", is_flag=True, help="Serve it first, and open the pull request after.")
@config_options
def command(environment: str, name: str, version: str, now: bool, **options: Any) -> int:
    """Bring an earlier release back, as a pull request.

    The pull request writes the earlier release into the environment's release file; its merge serves it, from what
    was recorded: nothing is trained, built or judged. The first environment follows the default branch: there only
    --now does something, until the commit that brought what served is reverted.
    """
    session = open_session(common(options))
    model, place = find(session, name, environment)
    release = chosen(*known_releases(session, model, place), version, place)
    first = place is model.environments[0]
    if now:
        serve_now(session, model, place, release, first=first)
    if first:
        session.console.show(
            f"{place.name} follows {session.default_branch}: revert the commit there that brought what served, "
            "so that the next merge keeps this"
        )
        return 0
    outcome = propose(session, model, place, release)
    if session.console.json:
        session.console.document(encode(outcome))
    session.console.show(f"pull request #{outcome.number} {outcome.action.value}: {outcome.reason}")
    return 0 if outcome.action in promote.PASSING else GateFailed.exit_code


def serve_now(session: Session, model: Model, place: Environment, release: Release, *, first: bool) -> None:
    """Serve it before anybody merges anything; what served is refused here until the file names another release."""
    deployer = wiring.deployer(session.config, place)
    if not first:
        verified(session, model, place, release)
    serving = deployer.serving(model.name, place.name)
    dock = wiring.dock(session.config, place, sequence=session.git.count())
    refuse = serving.release.model_digest if serving and serving.release != release else ""
    planned = deploy.plan(release, place, deployer=deployer)
    served = deploy.apply(planned, dock, say=session.console.say, refuse=refuse)
    session.console.show(served.reason)


def propose(session: Session, model: Model, place: Environment, release: Release) -> Outcome:
    """The pull request of the rollback, one an environment, kept current."""
    made = promote.Promotion(
        model=model,
        release=release,
        source=place,
        target=place,
        current=read_release(session.config, model.name, place.name, tree=session.project.tree),
        folder=folder(session.config, session.project.tree),
    )
    return promote.take_back(
        made,
        forge=wiring.forge(session.config),
        base=session.default_branch,
        section=section,
        now=clock.now(),
        sequence=session.git.count(),
    )


def find(session: Session, name: str, environment: str) -> tuple[Model, Environment]:
    """The model and its environment. Raises UsageError with the nearest name."""
    names = [name] if name else list(session.config.models)
    if len(names) > 1:
        raise UsageError("name the model: --model", hint=f"models: {', '.join(names)}")
    model = session.model(names[0])
    known = {item.name: item for item in model.environments}
    if environment not in known:
        hint = did_you_mean(environment, known, f"environments: {', '.join(known) or 'none'}")
        raise UsageError(f"{model.name} has no environment '{environment}'", hint=hint)
    return model, known[environment]


def known_releases(session: Session, model: Model, place: Environment) -> tuple[list[Release], list[Release]]:
    """(where a rollback goes by itself, all that have served), the latest first, without the release of now.

    Of the first environment only what was served is known: which of several came before, nobody can say.
    """
    if place is model.environments[0]:
        others = list(wiring.deployer(session.config, place).recorded(model.name, place.name))[1:]
        return (others if len(others) == 1 else []), others
    seen = history(session.git, path_of(session, model, place))
    current = seen[0] if seen else None
    everything = {item.model_digest: item for item in reversed(seen) if item is not None and item != current}
    return earlier(seen), list(reversed(everything.values()))


def chosen(before: list[Release], known: list[Release], version: str, place: Environment) -> Release:
    """The release to bring back. Raises UsageError where there is none, or it has to be named."""
    if not version and before:
        return before[0]
    for release in known:
        if release.version == version:
            return release
    there = ", ".join(release.version for release in known) or "none"
    if version or not known:
        what = f"version {version} has never served" if version else "nothing else has ever served"
        raise UsageError(f"{what} in {place.name}", hint=f"other versions there: {there}")
    raise UsageError(f"several have served in {place.name}: name one with --to", hint=f"versions: {there}")
