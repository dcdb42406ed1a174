"""The parts of a model's way after a merge, wired. Each says what it would do, and does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mlops_ci.cli import approvals, build, evaluate, register, wiring
from mlops_ci.cli.build import NEXT
from mlops_ci.cli.run_stage import StageFunction
from mlops_ci.cli.session import Session
from mlops_ci.cli.telling import board, carry_out
from mlops_ci.config import release_file
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import MlopsError, StaleError
from mlops_ci.ports.say import Say
from mlops_ci.records.affected import Affected
from mlops_ci.records.codec import decode
from mlops_ci.records.models import Release
from mlops_ci.records.plans import Action, Step
from mlops_ci.records.results import StageResult, Status
from mlops_ci.records.serving import DeploymentDetails
from mlops_ci.stages import deploy
from mlops_ci.stages.build import STAGE as BUILD
from mlops_ci.stages.build import packed, wanted
from mlops_ci.stages.judged import moved_champion, require_judged
from mlops_ci.stages.releases import folder


@dataclass(frozen=True, kw_only=True)
class Part:
    """One stage of the way. `needs` are stages without which it makes no sense. One without a `run` is told by plans
    alone: it was done for good when it was done."""

    stage: str
    plan: Callable[[], Step]
    run: StageFunction | None
    needs: tuple[str, ...] = ()


def fixed(model: Model, stage: str, action: Action, status: Status, reason: str) -> Part:
    """A part whose answer is known already."""
    step = Step(model=model.name, stage=stage, action=action, what=reason)

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        return StageResult(stage=stage, model=model.name, status=status, reason=reason)

    return Part(stage=stage, plan=lambda: step, run=run)


def done(model: Model, stage: str, what: str) -> Part:
    """A part of which nothing is left to do, now or later."""
    step = Step(model=model.name, stage=stage, action=Action.DONE, what=what)
    return Part(stage=stage, plan=lambda: step, run=None)


def skipping(model: Model) -> Part:
    """A model that is served nowhere, and that this commit leaves as it is."""
    reason = "this commit does not affect it, and no environment serves it"
    return fixed(model, "register", Action.SKIP, Status.SKIPPED, reason)


def blocked(model: Model, stage: str, error: MlopsError) -> Part:
    """Something is in the way; other parts and models go on."""
    step = Step(model=model.name, stage=stage, action=Action.BLOCKED, what=str(error), exit_code=error.exit_code)

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        raise error

    return Part(stage=stage, plan=lambda: step, run=run)


def of_inputs(session: Session, model: Model, environment: Environment, inputs: str) -> Release | None:
    """A release with these inputs that has served here: it needs no judgement, no registry, no tracker and no build.

    One that serves, and is not packed though the config asks for it since, does need them.
    """
    target = wiring.deployer(session.config, environment)
    found = target.recorded(model.name, environment.name)
    known = next((release for release in found if release.inputs_digest == inputs), None)
    if known is None or packed(known) or not wanted(model):
        return known
    now = target.serving(model.name, environment.name)
    return None if now is not None and now.release == known else known


def released(session: Session, model: Model, environment: Environment, item: Affected) -> Release:
    """What the first environment shall serve; its version is NEXT where it is not registered yet.

    Raises StaleError where nothing was trained with these inputs.
    """
    if (known := of_inputs(session, model, environment, item.inputs_digest)) is not None:
        return known
    return deploy.release_of(build.version_of(session, model, item), model)


def path_of(session: Session, model: Model, environment: Environment) -> str:
    """The release file from the root of the repository."""
    return f"{folder(session.config, session.project.tree)}{release_file.path_of(model.name, environment.name)}"


def rules_unchanged(session: Session, model: Model, item: Affected, known: Release) -> Part:
    """This commit changes gates, suites or holdout and not the model: what serves must have been judged by them."""

    def check() -> None:
        candidate = session.tracker.find(model.name, item.inputs_digest)
        judgement = candidate.judgement if candidate else None
        if judgement is None or judgement.digest != item.judgement_digest:
            raise StaleError(
                "gates, metrics, suites, holdout or serving settings have changed since this candidate was judged",
                hint=f"mlops-ci pull-request --model {model.name}",
            )

    def plan() -> Step:
        try:
            check()
        except MlopsError as error:
            return blocked(model, "register", error).plan()
        what = f"version {known.version} was judged by these rules"
        return Step(model=model.name, stage="register", action=Action.DONE, what=what)

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        check()
        reason = f"version {known.version} was judged by these rules"
        return StageResult(stage="register", model=model.name, status=Status.PASSED, reason=reason)

    return Part(stage="register", plan=plan, run=run)


def registering(session: Session, model: Model, item: Affected) -> Part:
    """Register what was judged; judged again first, from stored predictions, where the champion has changed since."""

    def plan() -> Step:
        step = next(iter(register.steps(session, model, item)))
        reason = outdated(session, model, item) if step.action is not Action.BLOCKED else None
        if reason is None:
            return step
        then = step.what if step.action is Action.DO else f"go on: {step.what}"
        return replace(step, action=Action.DO, what=f"{reason}: judge again; if it holds, {then}")

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        if (reason := outdated(session, model, item)) is not None:
            say(f"{reason}: judging again")
            judged = evaluate.stage_function(session)(model, item, say)
            if judged.status is not Status.PASSED:
                return replace(judged, stage="register", reason=f"{reason}; judged again: {judged.reason}")
        return register.stage_function(session)(model, item, say)

    return Part(stage="register", plan=plan, run=run)


def building(session: Session, model: Model, item: Affected) -> Part:
    """Pack what was registered."""

    def plan() -> Step:
        return next(iter(build.steps(session, model, item)))

    return Part(stage=BUILD, plan=plan, run=build.stage_function(session), needs=("register",))


def outdated(session: Session, model: Model, item: Affected) -> str | None:
    """Why a green judgement no longer counts as it is: it was made against another champion than today's."""
    candidate = session.tracker.find(model.name, item.inputs_digest)
    if candidate is None or candidate.judgement is None or not candidate.judgement.passed:
        return None
    if candidate.judgement.digest != item.judgement_digest:
        return None
    environment = moved_champion(model, candidate, session.registry)
    return f"the champion of {environment} has changed since the judgement" if environment else None


def still_judged(session: Session, model: Model, item: Affected) -> None:
    """What serves for the first time must be judged green, by these rules and against these champions: a version may
    have been judged again since it was registered.

    Raises StaleError or GateFailed.
    """
    found = session.tracker.find(model.name, item.inputs_digest)
    require_judged(model, found, inputs_digest=item.inputs_digest, judgement_digest=item.judgement_digest)
    if (reason := outdated(session, model, item)) is not None:
        raise StaleError(reason, hint="mlops-ci merge judges again, from stored predictions")


def serving(
    session: Session,
    model: Model,
    environment: Environment,
    release: Callable[[], Release],
    *,
    needs: tuple[str, ...],
    ready: Callable[[], None] = lambda: None,
) -> Part:
    """Serve a release in an environment. `ready` raises where that may not be: asked when it is done, not planned,
    since parts before this one may make it so."""
    stage = f"deploy-{environment.name}"

    def planned() -> deploy.Plan:
        return deploy.plan(release(), environment, deployer=wiring.deployer(session.config, environment))

    def plan() -> Step:
        try:
            found = planned()
            return replace(found.step, changes=deploy.changes(found, wiring.deployer(session.config, environment)))
        except MlopsError as error:
            return blocked(model, stage, error).plan()

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        found = planned()
        if found.release.version == NEXT:
            raise StaleError("what was trained last with these inputs is not registered", hint="mlops-ci merge")
        ready()
        say(found.step.sentence())
        result = carry_out(session, model, environment, found, say=say)
        if decode(DeploymentDetails, result.details).changed:
            approvals.note(session, model, environment, found.release, say=say)
        return result

    return Part(stage=stage, plan=plan, run=run, needs=needs)


def removing(session: Session, model: Model, environment: Environment, *, serves: bool) -> Part:
    """Stop serving where git names no release any more; a run for a commit older than what serves is refused. Where
    nothing `serves` it is noted all the same, so that a run for a commit that still named one comes too late."""
    stage = f"deploy-{environment.name}"
    what = f"git names no release for {environment.name} any more"
    nothing = f"nothing serves: {what}"
    action, said = (Action.DO, f"stop serving: {what}") if serves else (Action.DONE, nothing)
    step = Step(model=model.name, stage=stage, action=action, what=said)

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        target = wiring.deployer(session.config, environment)
        target.delete(model.name, environment.name, sequence=session.git.count())
        if serves:
            board(session, model, environment).gone(say=say)
        status = Status.PASSED if serves else Status.SKIPPED
        return StageResult(stage=stage, model=model.name, status=status, reason=nothing)

    return Part(stage=stage, plan=lambda: step, run=run)
