"""Propose for the next environment what serves in one: the last part of a model's way, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypedDict

from mlops_ci.cli import wiring
from mlops_ci.cli.build import NEXT
from mlops_ci.cli.parts import Part, blocked, path_of
from mlops_ci.cli.session import Session
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import MlopsError
from mlops_ci.io import clock
from mlops_ci.ports.forge import Forge
from mlops_ci.ports.say import Say
from mlops_ci.records.affected import Affected
from mlops_ci.records.models import Release
from mlops_ci.records.plans import Action, Step
from mlops_ci.records.promotion import Judged
from mlops_ci.records.results import StageResult, Status
from mlops_ci.report.promotion_text import sections
from mlops_ci.stages import promote
from mlops_ci.stages.evidence import judged
from mlops_ci.stages.history import history, taken_back
from mlops_ci.stages.releases import folder
from mlops_ci.stages.requirements import proving_place


def proposing(
    session: Session,
    model: Model,
    source: Environment,
    target: Environment,
    named: Release | None,
    *,
    wanted: Callable[[], Release | None],
) -> Part:
    """Propose for the next environment what serves in this one; `wanted` is what git wants to serve in it."""
    stage = f"promote-{target.name}"

    def plan() -> Step:
        release = wanted()
        now = wiring.deployer(session.config, source).serving(model.name, source.name)
        coming = release is not None and release != named and (now is None or now.release != release)
        once = f"promote version {release.version} to {target.name}, once it serves in {source.name}" if release else ""
        if coming and release and release.version == NEXT:  # its file and its text are not known yet
            return Step(model=model.name, stage=stage, action=Action.DO, what=once)
        found = promotion(session, model, source, target, named, coming=release if coming else None)
        if isinstance(found, str):
            return Step(model=model.name, stage=stage, action=Action.SKIP, what=found)
        try:
            step = promote.plan(found, **asked(session, found))
        except MlopsError as error:
            return blocked(model, stage, error).plan()
        return replace(step, what=once) if coming and step.action is Action.DO else step

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        found = promotion(session, model, source, target, named)
        if isinstance(found, str):
            return StageResult(stage=stage, model=model.name, status=Status.SKIPPED, reason=found)
        return propose(session, found)

    return Part(stage=stage, plan=plan, run=run, needs=(f"deploy-{source.name}",))


def promotion(
    session: Session,
    model: Model,
    source: Environment,
    target: Environment,
    named: Release | None,
    *,
    again: bool = False,
    coming: Release | None = None,
) -> promote.Promotion | str:
    """What can be promoted, or why nothing can. `again`: it was asked for by its name, and what was taken back, or
    whose request was closed, is proposed, too. `coming` is what is about to serve there."""
    release = coming
    if release is None:
        now = wiring.deployer(session.config, source).serving(model.name, source.name)
        if now is None or not now.answering:
            return f"nothing serves in {source.name}"
        release = now.release
    version = release.version
    if not again and taken_back(release, history(session.git, path_of(session, model, target))):
        cure = f"mlops-ci promote --environment {target.name} --release {version}"
        return f"version {version} was taken back from {target.name}; '{cure}' proposes it again"
    return promote.Promotion(
        model=model,
        release=release,
        source=source,
        target=target,
        current=named,
        folder=folder(session.config, session.project.tree),
        since=_proven_since(session, model, target, release),
        named=again,
    )


def _proven_since(session: Session, model: Model, target: Environment, release: Release) -> str:
    """Since when a release serves where `target` asks for it, '' where it does not."""
    name = proving_place(model, target)
    place = next((item for item in model.environments if item.name == name), None)
    found = wiring.deployer(session.config, place).serving(model.name, name) if place is not None else None
    same = found is not None and found.answering and found.release.model_digest == release.model_digest
    return found.since if found is not None and same else ""


def propose(session: Session, found: promote.Promotion) -> StageResult:
    """Open or update the promotion's pull request."""
    return promote.propose(found, **asked(session, found))


class Asked(TypedDict):
    """What a promotion is proposed, and planned, with."""

    forge: Forge
    base: str
    text: promote.Text
    judged: Callable[[Release], Judged]
    now: datetime
    sequence: int


def asked(session: Session, found: promote.Promotion) -> Asked:
    """The session's."""
    scratch = session.workspace.scratch(found.model.name, "promote")
    return Asked(
        forge=wiring.forge(session.config),
        base=session.default_branch,
        text=sections,
        judged=lambda release: judged(release, tracker=session.tracker, scratch=scratch),
        now=clock.now(),
        sequence=session.git.count(),
    )
