"""`mlops-ci rollback`."""

from __future__ import annotations

from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.options import common, config_options
from mlops_ci.cli.session import Session, open_session
from mlops_ci.config import release_file
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import ConfigError, UsageError, did_you_mean
from mlops_ci.io import clock
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release
from mlops_ci.report.pull_section import section
from mlops_ci.stages import deploy, promote
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
    was recorded: nothing is trained, built or judged. The first environment follows the default branch: there the
    command names the 'git revert' that does the same.
    """
    session = open_session(common(options))
    model, place = find(session, name, environment)
    known = history(session, model, place)
    release = chosen(known, version, place)
    if now:
        served = deploy.apply(
            deploy.plan(release, place, deployer=wiring.deployer(session.config, place)),
            # One more than this commit's: until the pull request is merged, a rerun of 'merge' undoes nothing.
            wiring.dock(session.config, place, sequence=session.git.count() + 1),
            say=session.console.say,
        )
        session.console.show(served.reason)
    if place is model.environments[0]:
        session.console.show(
            f"{place.name} follows {session.default_branch}; to stay: git revert {known[0].commit[:12]}"
        )
        return 0
    outcome = propose(session, model, place, release, known[0])
    if session.console.json:
        session.console.document(encode(outcome))
    session.console.show(f"pull request #{outcome.number} {outcome.action.value}: {outcome.reason}")
    return 0


def propose(session: Session, model: Model, place: Environment, release: Release, current: Release) -> Any:
    """The pull request of the rollback, one an environment, kept current."""
    made = promote.Promotion(
        model=model,
        release=release,
        source=place,
        target=place,
        current=current,
        folder=folder(session.config, session.project.tree),
    )
    return promote.take_back(
        made,
        forge=wiring.local_forge(session.config),
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


def history(session: Session, model: Model, place: Environment) -> list[Release]:
    """What git wanted here, the latest first; of the first environment, what was served. Each release once."""
    if place is model.environments[0]:
        return list(wiring.deployer(session.config, place).recorded(model.name, place.name))
    path = release_file.path_of(model.name, place.name)
    current = read_release(session.config, model.name, place.name, tree=session.project.tree)
    found = [current] if current else []
    for content in session.git.versions(f"{folder(session.config, session.project.tree)}{path}"):
        try:
            release = release_file.parse(content, path=path) if content else None
        except ConfigError:
            continue
        if release is not None and release not in found:
            found.append(release)
    return found


def chosen(known: list[Release], version: str, place: Environment) -> Release:
    """The release to bring back. Raises UsageError where there is none."""
    earlier = known[1:]
    if not version and earlier:
        return earlier[0]
    for release in earlier:
        if release.version == version:
            return release
    there = ", ".join(release.version for release in earlier) or "none"
    what = (
        f"version {version} has never served in {place.name}" if version else f"nothing served in {place.name} before"
    )
    raise UsageError(what, hint=f"earlier versions there: {there}")
