"""Make a challenger on newer data in a work tree beside the checkout, by the stages that judge pull requests."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from mlops_ci.cli import evaluate, train, validate, wiring
from mlops_ci.cli.run_stage import StageFunction, perform_one
from mlops_ci.cli.session import Session
from mlops_ci.config.load import load
from mlops_ci.config.types import Model
from mlops_ci.digests.canonical import digest_of
from mlops_ci.digests.inputs import Inputs
from mlops_ci.errors import StaleError
from mlops_ci.io import git_beside
from mlops_ci.ports.retraining import Refresher, RefreshJob
from mlops_ci.ports.say import Say
from mlops_ci.records.affected import Affected
from mlops_ci.records.results import StageResult, Status
from mlops_ci.records.retraining import Challenger
from mlops_ci.stages.inputs import model_inputs
from mlops_ci.stages.living_state import Seen
from mlops_ci.stages.retrain import DATA, SAME, STAGE, Workshop
from mlops_ci.stages.retrain_place import Note, Place, data_changes, gathered, is_data_record, refresh_job
from mlops_ci.stages.train import interpreter_for, noted, pipeline_job

if TYPE_CHECKING:
    from mlops_ci.ports.forge import Forge
    from mlops_ci.ports.tracking import Registry, Tracker


@dataclass(frozen=True)
class Beside(Session):
    """A session in the work tree beside: its files are its own, what is kept is kept where the outer one keeps it."""

    outer: Session

    @cached_property
    def tracker(self) -> Tracker:
        return self.outer.tracker

    @cached_property
    def registry(self) -> Registry:
        return self.outer.registry

    @cached_property
    def forge(self) -> Forge:
        return self.outer.forge


def workshop(session: Session, model: Model, say: Say) -> Workshop:
    """The workshop of one model, wired."""
    making = Making(session=session, name=model.name, say=say)

    def inputs(commit: str) -> str:
        making.require(commit)
        return model_inputs(model, session.git.tree(commit)).digest

    return Workshop(inputs=inputs, overlaps=making.overlaps, make=making.make)


@dataclass(frozen=True, kw_only=True)
class Making:
    """Makes the challengers of one model."""

    session: Session
    name: str
    say: Say

    @property
    def place(self) -> Place:
        return Place(root=self.session.git.root, home=self.session.workspace.home / STAGE / self.name)

    def require(self, commit: str) -> None:
        """Raises StaleError where this checkout can't get at a commit of the base."""
        root = self.session.git.root
        if git_beside.known(root, commit):
            return
        git_beside.fetch(root, self.session.default_branch)
        if not git_beside.known(root, commit):
            raise StaleError(
                f"{self.session.default_branch} is at {commit[:12]}, which this checkout does not have",
                hint=f"git fetch origin {self.session.default_branch}",
            )

    def overlaps(self, onto: str, seen: Seen) -> bool:
        """Whether the base changed, since `onto`, what the branch changes; all of DVC's records where nobody knows."""
        root = self.session.git.root
        if not git_beside.known(root, onto) or not self.session.forge.contains(seen.base, onto):
            return True
        theirs = set(git_beside.changed(root, onto, seen.base_tip))
        if not git_beside.known(root, seen.tip):
            git_beside.fetch(root, seen.branch)
        if git_beside.known(root, seen.tip):
            return bool(theirs.intersection(git_beside.changed(root, onto, seen.tip)))
        return any(map(is_data_record, theirs))

    def make(self, commit: str, question: str) -> Challenger | StageResult:
        """Newer data, trained on and judged; data that is the same, or not valid, ends it before."""
        self.require(commit)
        note = self.place.prepare(commit, question)
        beside = self._beside(commit)
        refresher = wiring.refresher(
            beside.model(self.name), root=beside.git.root, checkout=self.session.git.root, home=beside.workspace.home
        )
        beside.workspace.protect()
        refresher.share()
        before = model_inputs(beside.model(self.name), beside.git.tree(commit))
        asked = beside.model(self.name).retrain
        where = self.session.config.where(f"models.{self.name}.retrain")
        job = refresh_job(asked.refresh, asked.timeout, project=beside.project, inputs=before, where=where)
        if not note.refreshed:
            self._refresh(beside, note, job, refresher)
        beside = self._beside(commit)  # a Git is one moment, and this is another
        model = beside.model(self.name)
        after = beside.inputs(model)
        if after.digest == before.digest:
            self.place.forget()
            reason = "the refresh brought the data that the base has: nothing to train on"
            same = {DATA: SAME}
            return StageResult(stage=STAGE, model=self.name, status=Status.SKIPPED, reason=reason, outputs=same)
        (item,) = beside.affected
        judged = self._judged(beside, item)
        if isinstance(judged, StageResult):
            return self._placed(judged)
        trained, fresh, evaluated = judged
        files, left = gathered(self._beside(commit).git, after)
        return Challenger(
            base=commit,
            inputs_digest=after.digest,
            files=files,
            changes=tuple(data_changes(before, after)),
            trained=trained,
            evaluated=evaluated,
            fresh=fresh,
            brought=job.commands,
            remote=refresher.remote(),
            left_out=left,
        )

    def _beside(self, commit: str) -> Beside:
        """The work tree as it is now, compared with the commit it lies on."""
        outer = self.session
        path = self.place.tree / outer.config.path.resolve().relative_to(outer.git.root)
        options = replace(outer.options, config=path, models=(self.name,), base=commit)
        return Beside(options, load(path, os.environ), outer.console, outer)

    def _refresh(self, beside: Beside, note: Note, job: RefreshJob, refresher: Refresher) -> None:
        model = at_home(beside.model(self.name), self.session)
        interpreter = interpreter_for(model, beside.inputs(model), train.trainer(beside, model), self.say)
        log = self.session.workspace.log_path(self.name, "refresh")
        with self.session.console.step(f"refresh {self.name}") as say:
            refresher.refresh(job, interpreter=interpreter, log=log, say=say)
        after = self._beside(note.base)
        paths, _ = gathered(after.git, after.inputs(after.model(self.name)))
        self.place.refreshed(note, tuple(paths))

    def _judged(
        self, beside: Beside, item: Affected
    ) -> tuple[StageResult, StageResult | None, StageResult] | StageResult:
        """(trained, judged on the newest rows, judged as a merge wants it), or what went wrong."""
        model = at_home(beside.model(self.name), self.session)
        if model.validate:
            validated = self._perform(beside, "validate", item, validate.stage_function(beside), model)
            if validated.status is not Status.PASSED:
                return replace(validated, reason=f"the refreshed data is not valid: {validated.reason}")
        inputs = beside.inputs(model)
        here = noted(model, inputs, beside.workspace) is not None
        trained = self._perform(beside, "train", item, train.stage_function(beside), model)
        if trained.status is not Status.PASSED:
            return trained
        if not here and trained.details.get("reused"):
            self._restore(beside, model, inputs)
        fresh = self._fresh(beside, model, item)
        evaluated = self._perform(beside, "evaluate", item, evaluate.stage_function(beside), model)
        broken = next((each for each in (fresh, evaluated) if each is not None and each.failure is not None), None)
        return broken or (trained, fresh, evaluated)

    def _restore(self, beside: Beside, model: Model, inputs: Inputs) -> None:
        """Trained elsewhere: bring the outputs and dvc.lock here, and see to it that the data is at the remote."""
        trainer = train.trainer(beside, model)
        log = beside.workspace.log_path(self.name, "train")
        interpreter = interpreter_for(model, inputs, trainer, self.say)
        job = pipeline_job(model, inputs, trainer)
        trainer.pipeline.reproduce(job, interpreter=interpreter, log=log, say=self.say)

    def _fresh(self, beside: Beside, model: Model, item: Affected) -> StageResult | None:
        """Judged on the newest labelled rows. It comes first: the judgement that stays with the run is the last one,
        and a merge wants that on `evaluate.holdout`; until it is there, this one's digest is that of no config."""
        if not model.retrain.holdout or model.evaluate is None:
            return None
        asked = replace(model, evaluate=replace(model.evaluate, holdout=model.retrain.holdout))
        newest = replace(item, judgement_digest=digest_of([item.judgement_digest, model.retrain.holdout]))
        return self._perform(beside, "evaluate-fresh", newest, evaluate.stage_function(beside), asked)

    def _perform(
        self, beside: Beside, stage: str, item: Affected, function: StageFunction, model: Model
    ) -> StageResult:
        return perform_one(beside, stage, item, lambda _, found, say: replace(function(model, found, say), stage=stage))

    def _placed(self, result: StageResult) -> StageResult:
        """The paths in a failure's hint count from the work tree beside; say where that is."""
        if result.failure is None:
            return result
        hint = f"{result.failure.hint}\nin the work tree {self.place.tree.relative_to(self.session.workspace.root)}"
        return replace(result, failure=replace(result.failure, hint=hint.strip()))


def at_home(model: Model, session: Session) -> Model:
    """A Python that lies in the checkout and not in git, like `.venv/bin/python`, is not in the work tree beside."""
    named = model.train.environment
    path = session.git.root / named
    if "/" not in named or named.startswith("/") or not path.exists() or session.project.tree.exists(named):
        return model
    return replace(model, train=replace(model.train, environment=str(path)))
