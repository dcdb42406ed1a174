"""One model's way after a merge, wired: register it, serve it in the first environment, serve what release files name
in theirs, propose the rest. Each part says what it would do, and does it; what a part did decides what the next finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from mlops_ci.cli import evaluate, register, wiring
from mlops_ci.cli.run_stage import StageFunction
from mlops_ci.cli.session import Session
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import BackendError, MlopsError, StaleError
from mlops_ci.io import clock
from mlops_ci.ports import Say
from mlops_ci.records.affected import Affected
from mlops_ci.records.models import Release
from mlops_ci.records.plans import Action, Step
from mlops_ci.records.results import StageResult, Status
from mlops_ci.report.pull_section import section
from mlops_ci.stages import deploy, promote
from mlops_ci.stages.releases import folder, read_release
from mlops_ci.stages.withdrawn import withdrawn

NEXT = "(next)"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One stage of the way."""

    stage: str
    plan: Callable[[], Step]
    run: StageFunction


def way(session: Session, model: Model, item: Affected) -> Iterator[Part]:
    """The parts, one after the other; ask for the next one after the former is done, or planned."""
    if not model.environments:
        yield registering(session, model, item) if item.affected else skipping(model)
        return
    first = model.environments[0]
    if recorded(session, model, first, item) is None:
        yield registering(session, model, item)
    yield serving(session, model, first, lambda: released(session, model, first, item))
    for source, target in pairwise(model.environments):
        if (named := read_release(session.config, model.name, target.name, tree=session.project.tree)) is not None:
            yield serving(session, model, target, lambda t=target, r=named: verified(session, model, t, r))  # type: ignore[misc]
        yield proposing(session, model, source, target, named)


def skipping(model: Model) -> Part:
    """A model that is served nowhere, and that this commit leaves as it is."""
    reason = "this commit does not affect it, and no environment serves it"
    step = Step(model=model.name, stage="register", action=Action.SKIP, what=reason)

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        return StageResult(stage="register", model=model.name, status=Status.SKIPPED, reason=reason)

    return Part(stage="register", plan=lambda: step, run=run)


def blocked(model: Model, error: MlopsError) -> Part:
    """Something is in the way of this model; others go on."""
    step = Step(model=model.name, stage="merge", action=Action.BLOCKED, what=str(error), exit_code=error.exit_code)

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        raise error

    return Part(stage="merge", plan=lambda: step, run=run)


def recorded(session: Session, model: Model, environment: Environment, item: Affected) -> Release | None:
    """A release with these inputs that has served here: it needs no judgement, no registry and no tracker."""
    found = wiring.deployer(session.config, environment).recorded(model.name, environment.name)
    return next((release for release in found if release.inputs_digest == item.inputs_digest), None)


def released(session: Session, model: Model, environment: Environment, item: Affected) -> Release:
    """What the first environment shall serve. Raises StaleError where nothing was registered with these inputs."""
    if (known := recorded(session, model, environment, item)) is not None:
        return known
    candidate = session.tracker.find(model.name, item.inputs_digest)
    if candidate is None:
        raise StaleError(
            f"nothing was trained with the inputs of this commit ({item.inputs_digest[:12]})",
            hint=f"mlops-ci pull-request --model {model.name}",
        )
    version = session.registry.version_of(model.name, candidate.model_digest)
    if version is not None:
        return deploy.release_of(version, model)
    return Release(
        model=model.name,
        version=NEXT,
        model_digest=candidate.model_digest,
        inputs_digest=candidate.inputs_digest,
        run_id=candidate.run_id,
    )


def verified(session: Session, model: Model, environment: Environment, named: Release) -> Release:
    """A release file's release, held against the registry, or, where that is down, against what has served here.

    Raises StaleError for one that nobody registered like this, GateFailed where the environment asks for more.
    """
    target = wiring.deployer(session.config, environment)
    try:
        version = session.registry.version_of(model.name, named.model_digest)
        known = version is not None and replace(deploy.release_of(version, model), serving=named.serving) == named
    except BackendError:
        known = named in target.recorded(model.name, environment.name)
    if not known:
        raise StaleError(
            f"the release file of {environment.name} names a release that nobody registered like this",
            hint="release files are written by promotions alone: revert the commit that changed it",
            docs="forge.md#release-files",
        )
    if named not in target.recorded(model.name, environment.name):
        promote.require(
            named,
            model,
            environment,
            deployer=lambda found: wiring.deployer(session.config, found),
            forge=wiring.local_forge(session.config),
            now=clock.now(),
        )
    return named


def registering(session: Session, model: Model, item: Affected) -> Part:
    """Register what was judged; judged again first, from stored predictions, where the champion has changed since."""

    def plan() -> Step:
        return next(iter(register.steps(session, model, item)))

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        if (reason := outdated(session, model, item)) is not None:
            say(f"{reason}: judging again")
            judged = evaluate.stage_function(session)(model, item, say)
            if judged.status is not Status.PASSED:
                return replace(judged, stage="register", reason=f"{reason}; judged again: {judged.reason}")
        return register.stage_function(session)(model, item, say)

    return Part(stage="register", plan=plan, run=run)


def outdated(session: Session, model: Model, item: Affected) -> str | None:
    """Why a green judgement no longer counts as it is: it was made against another champion than today's."""
    candidate = session.tracker.find(model.name, item.inputs_digest)
    if candidate is None or candidate.judgement is None or not candidate.judgement.passed or model.evaluate is None:
        return None
    if candidate.judgement.digest != item.judgement_digest:
        return None
    champion = session.registry.champion(model.name, model.champion_environment)
    now = champion.model_digest if champion else ""
    if now in (candidate.judgement.champion, candidate.model_digest):
        return None
    return f"the champion of {model.champion_environment} has changed since the judgement"


def serving(session: Session, model: Model, environment: Environment, release: Callable[[], Release]) -> Part:
    """Serve a release in an environment."""
    stage = f"deploy-{environment.name}"

    def planned() -> deploy.Plan:
        return deploy.plan(release(), environment, deployer=wiring.deployer(session.config, environment))

    def plan() -> Step:
        try:
            return planned().step
        except MlopsError as error:
            what = str(error)
            return Step(model=model.name, stage=stage, action=Action.BLOCKED, what=what, exit_code=error.exit_code)

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        found = planned()
        say(found.step.sentence())
        dock = wiring.dock(session.config, environment, sequence=session.git.count())
        return deploy.apply(found, dock, say=say)

    return Part(stage=stage, plan=plan, run=run)


def proposing(session: Session, model: Model, source: Environment, target: Environment, named: Release | None) -> Part:
    """Propose for the next environment what serves in this one."""
    stage = f"promote-{target.name}"

    def plan() -> Step:
        found = promotion(session, model, source, target, named)
        if isinstance(found, str):
            return Step(model=model.name, stage=stage, action=Action.SKIP, what=found)
        if found.release == named:
            what = f"{target.name} has version {found.release.version}"
            return Step(model=model.name, stage=stage, action=Action.DONE, what=what)
        return Step(model=model.name, stage=stage, action=Action.DO, what=found.title)

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        found = promotion(session, model, source, target, named)
        if isinstance(found, str):
            return StageResult(stage=stage, model=model.name, status=Status.SKIPPED, reason=found)
        return propose(session, found)

    return Part(stage=stage, plan=plan, run=run)


def promotion(
    session: Session,
    model: Model,
    source: Environment,
    target: Environment,
    named: Release | None,
    *,
    again: bool = False,
) -> promote.Promotion | str:
    """What can be promoted, or why nothing can. `again` takes what was taken back, too."""
    now = wiring.deployer(session.config, source).serving(model.name, source.name)
    if now is None or not now.answering:
        return f"nothing serves in {source.name}"
    prefix = folder(session.config, session.project.tree)
    made = promote.Promotion(
        model=model, release=now.release, source=source, target=target, current=named, folder=prefix
    )
    return made if again else withdrawn(made, session.git) or made


def propose(session: Session, found: promote.Promotion) -> StageResult:
    """Open or update the promotion's pull request."""
    return promote.propose(
        found,
        forge=wiring.local_forge(session.config),
        base=session.default_branch,
        section=section,
        now=clock.now(),
        sequence=session.git.count(),
    )
