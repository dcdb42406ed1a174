"""`mlops-ci rollback`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.named_release import verified
from mlops_ci.cli.options import common, config_options
from mlops_ci.cli.parts import of_inputs, path_of
from mlops_ci.cli.session import Session, open_session
from mlops_ci.cli.telling import carry_out
from mlops_ci.config import release_file
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import GateFailed, UsageError, did_you_mean
from mlops_ci.io import clock
from mlops_ci.records.codec import encode
from mlops_ci.records.living import Outcome
from mlops_ci.records.models import Release
from mlops_ci.report.promotion_text import sections
from mlops_ci.stages import deploy, promote
from mlops_ci.stages.history import earlier, history
from mlops_ci.stages.releases import read_release
from mlops_ci.stages.restore import restored
from mlops_ci.stages.take_back import Rollback, take_back


@click.command("rollback")
@click.option("--environment", required=True, metavar="NAME", help="Where an earlier release shall serve again.")
@click.option("--model", "name", default="", metavar="NAME", help="The model; needed where there are several.")
@click.option("--to", "version", default="", metavar="VERSION", help="This version. [default: the one before]")
@click.option("--now", is_flag=True, help="Serve it first, and open the pull request after.")
@config_options
def command(environment: str, name: str, version: str, now: bool, **options: Any) -> int:
    """Bring an earlier release back, as a pull request.

    The pull request writes the earlier release into the environment's release file. The first environment has none:
    it follows the default branch, and there the files that decided the earlier model are brought back. The merge
    serves it, from what was recorded: nothing is trained, built or judged.
    """
    session = open_session(common(options))
    model, place = find(session, name, environment)
    wanted = wish(session, model, place)
    again = wanted is not None and wanted.version == version  # what was taken back, by its name
    release = wanted if again and wanted else chosen(*known_releases(session, model, place, wanted), version, place)
    if now:
        serve_now(session, model, place, release, wanted)
    outcome = propose(session, model, place, release, wanted)
    if session.console.json:
        session.console.document(encode(outcome))
    number = f"pull request #{outcome.number} " if outcome.number else ""
    session.console.show(f"{number}{outcome.action.value}: {outcome.reason}")
    return 0 if outcome.action in promote.PASSING else GateFailed.exit_code


def wish(session: Session, model: Model, place: Environment) -> Release | None:
    """What git wants served here, as far as it can be told with nothing else up."""
    if place is not model.environments[0]:
        return read_release(session.config, model.name, place.name, tree=session.project.tree)
    return of_inputs(session, model, place, session.inputs(model).digest)


def serve_now(session: Session, model: Model, place: Environment, release: Release, wanted: Release | None) -> None:
    """Serve it before anybody merges anything; what git still wants is refused here until it wants another."""
    deployer = wiring.deployer(session.config, place)
    if place is not model.environments[0]:
        verified(session, model, place, release)
    serving = deployer.serving(model.name, place.name)
    serves = serving.release if serving else None
    undone = serves if release == wanted else wanted or serves
    refuse = undone.model_digest if undone and undone.model_digest != release.model_digest else ""
    planned = deploy.plan(release, place, deployer=deployer)
    served = carry_out(session, model, place, planned, say=session.console.say, refuse=refuse)
    session.console.show(served.reason)


def propose(session: Session, model: Model, place: Environment, release: Release, wanted: Release | None) -> Outcome:
    """The pull request of the rollback, one an environment, kept current."""
    forge, base = wiring.forge(session.config), session.default_branch
    first = place is model.environments[0]
    files: Mapping[str, bytes | None]
    if first:
        then, now = (session.git.tree(session.git.resolve(name)) for name in (release.commit, forge.tip(base) or base))
        files = restored(session.config, model, release, then=then, now=now)
    else:
        files = {path_of(session, model, place): release_file.render(release)}
    rollback = Rollback(model=model, release=release, place=place, current=wanted, files=files, by_inputs=first)
    return take_back(
        rollback,
        forge=forge,
        base=base,
        text=sections,
        now=clock.now(),
        sequence=session.git.count(),
    )


def find(session: Session, name: str, environment: str) -> tuple[Model, Environment]:
    """The model and its environment. Raises UsageError with the nearest name."""
    model = session.only_model(name)
    known = {item.name: item for item in model.environments}
    if environment not in known:
        hint = did_you_mean(environment, known, f"environments: {', '.join(known) or 'none'}")
        raise UsageError(f"{model.name} has no environment '{environment}'", hint=hint)
    return model, known[environment]


def known_releases(
    session: Session, model: Model, place: Environment, wanted: Release | None
) -> tuple[list[Release], list[Release]]:
    """(where a rollback goes by itself, all that have served), the latest first, without what git wants now.

    The first environment has no release file whose history tells what came before: the commits of the releases do.
    """
    if place is not model.environments[0]:
        seen = history(session.git, path_of(session, model, place))
        everything = {item.model_digest: item for item in reversed(seen) if item is not None and item != wanted}
        return earlier(seen), list(reversed(everything.values()))
    kept = wiring.deployer(session.config, place).recorded(model.name, place.name)
    others = [item for item in kept if wanted is None or item.model_digest != wanted.model_digest]
    ages = {item.model_digest: session.git.count(item.commit) for item in others}
    limit = session.git.count(wanted.commit) if wanted is not None else session.git.count() + 1
    before = [item for item in others if 0 < ages[item.model_digest] < limit]
    return sorted(before, key=lambda item: ages[item.model_digest], reverse=True), others


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
    raise UsageError(f"no earlier version is known in {place.name}: name one with --to", hint=f"versions: {there}")
