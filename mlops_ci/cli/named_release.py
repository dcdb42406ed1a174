"""What a release file names, held against what was registered and what has served, wired."""

from __future__ import annotations

from mlops_ci.cli import wiring
from mlops_ci.cli.parts import path_of
from mlops_ci.cli.session import Session
from mlops_ci.config import release_file
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import BackendError, StaleError
from mlops_ci.io import clock
from mlops_ci.records.models import Release
from mlops_ci.stages import deploy
from mlops_ci.stages.history import history
from mlops_ci.stages.releases import not_registered
from mlops_ci.stages.requirements import let_in, require


def verified(session: Session, model: Model, environment: Environment, named: Release) -> Release:
    """A release file's release, held against the registry, or, where that is down, against what has served here.

    Raises StaleError for one that nobody registered like this, BackendError where nobody can tell, GateFailed where
    the environment asks for more. A release that has served here, or that is a canary already, is not asked again.
    """
    target = wiring.deployer(session.config, environment)
    path = path_of(session, model, environment)
    served = deploy.came_here(named, environment.name, deployer=target)
    seen = () if served else history(session.git, path)
    try:
        wrong = unknown_field(session, model, named)
        served = served or let_in(named, environment.name, registry=session.registry, seen=seen)
    except BackendError:
        if not served:
            raise
        wrong = ""
    if wrong:
        raise StaleError(
            f"it names a release that nobody registered like this: {wrong} is not version {named.version}'s",
            where=place_in_file(session, model, environment, wrong),
            hint="release files are written by promotions alone: revert the commit that changed it",
            docs="forge.md#release-files",
        )
    if not served:
        require(
            named,
            model,
            environment,
            deployer=lambda found: wiring.deployer(session.config, found),
            forge=wiring.forge(session.config),
            brought_by=session.git.last_change(path),
            now=clock.now(),
        )
    return named


def unknown_field(session: Session, model: Model, named: Release) -> str:
    """The field of a release file that is not as it was registered, or as its version was ever served; '' for none.

    What an environment keeps was served there, though the registry was down then and took no note of it.
    Raises BackendError where the registry can't tell.
    """
    version = session.registry.version_of(model.name, named.model_digest)
    if version is None:
        return "model_digest"
    notes = {tag.removeprefix(deploy.SERVED) for tag in version.tags if tag.startswith(deploy.SERVED)}
    wrong = not_registered(named, deploy.release_of(version, model), notes)
    if wrong == "serving" and any(
        deploy.came_here(named, place.name, deployer=wiring.deployer(session.config, place))
        for place in model.environments
    ):
        return ""
    return wrong


def place_in_file(session: Session, model: Model, environment: Environment, field: str) -> str:
    """`file:line` of a field in the release file of the working tree, from the folder of `mlops.yaml`."""
    full, tree = path_of(session, model, environment), session.project.tree
    line = release_file.line_of(tree.read(full), field) if tree.kind(full) else 0
    path = release_file.path_of(model.name, environment.name)
    return f"{path}:{line}" if line else path
