"""One model's way after a merge: register it, pack it, serve it in the first environment, serve what release files
name in theirs, propose the rest. What a part did decides what the next one finds; a part that is red stops what needs
it, and nothing else: production can be taken back while staging is in trouble.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

from mlops_ci.cli import wiring
from mlops_ci.cli.named_release import verified
from mlops_ci.cli.parts import (
    Part,
    blocked,
    building,
    done,
    of_inputs,
    path_of,
    registering,
    released,
    removing,
    rules_unchanged,
    serving,
    skipping,
    still_judged,
)
from mlops_ci.cli.promoting import proposing
from mlops_ci.cli.pushed import last_change
from mlops_ci.cli.session import Session
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import MlopsError
from mlops_ci.records.affected import Affected
from mlops_ci.records.models import Release
from mlops_ci.stages.build import wanted
from mlops_ci.stages.releases import read_release


def way(session: Session, model: Model, item: Affected) -> Iterator[Part]:
    """The parts, one after the other; ask for the next one after the former is done, or planned."""
    item = last_change(session, model, item)
    if not model.environments:
        yield from unserved(session, model, item)
        return
    first = model.environments[0]
    yield from guarded(model, f"deploy-{first.name}", lambda: to_first(session, model, first, item))
    for source, target in pairwise(model.environments):
        parts = partial(to_next, session, model, source, target, item)
        yield from guarded(model, f"deploy-{target.name}", parts)


def unserved(session: Session, model: Model, item: Affected) -> Iterator[Part]:
    """A model that no environment serves is registered, and packed, for whoever does."""
    if not item.affected:
        yield skipping(model)
        return
    yield registering(session, model, item)
    if wanted(model):
        yield building(session, model, item)


def guarded(model: Model, stage: str, parts: Callable[[], Iterator[Part]]) -> Iterator[Part]:
    """The parts of one environment; where they can't even be told, one part that says why."""
    try:
        yield from parts()
    except MlopsError as error:
        yield blocked(model, stage, error)


def to_first(session: Session, model: Model, first: Environment, item: Affected) -> Iterator[Part]:
    """The first environment follows the default branch. What has served there before needs no registering."""
    known = of_inputs(session, model, first, item.inputs_digest)
    if known is None:
        yield registering(session, model, item)
        if wanted(model):
            yield building(session, model, item)
    elif item.affected and item.base_inputs_digest == item.inputs_digest:
        yield rules_unchanged(session, model, item, known)
    else:
        yield done(model, "register", f"version {known.version} has served in {first.name}")

    def ready() -> None:
        if known is None:
            still_judged(session, model, item)

    wanted_here = partial(released, session, model, first, item)
    yield serving(session, model, first, wanted_here, needs=("register", "build"), ready=ready)


def to_next(session: Session, model: Model, source: Environment, target: Environment, item: Affected) -> Iterator[Part]:
    """The others serve what their file names, and are proposed what serves before them."""
    named = read_release(session.config, model.name, target.name, tree=session.project.tree)
    if named is not None:
        yield serving(session, model, target, lambda: verified(session, model, target, named), needs=())
    elif wiring.deployer(session.config, target).serving(model.name, target.name) is not None:
        yield removing(session, model, target, serves=True)
    elif session.git.last_change(path_of(session, model, target)):
        yield removing(session, model, target, serves=False)

    def wanted() -> Release | None:
        if source is model.environments[0]:
            return released(session, model, source, item)
        return read_release(session.config, model.name, source.name, tree=session.project.tree)

    yield proposing(session, model, source, target, named, wanted=wanted)
