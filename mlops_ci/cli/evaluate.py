"""`mlops-ci evaluate`."""

from __future__ import annotations

from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.drift_reference import watched
from mlops_ci.cli.dry_run import dry_run_option, show_plan
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.run_stage import StageFunction, run_stage
from mlops_ci.cli.session import Session, open_session
from mlops_ci.cli.train import trainer
from mlops_ci.config.types import Model
from mlops_ci.errors import MissingExtra
from mlops_ci.io import clock
from mlops_ci.ports.say import Say
from mlops_ci.ports.training import Interpreter
from mlops_ci.records.affected import Affected
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages.plan import evaluate_step
from mlops_ci.stages.provide import provide
from mlops_ci.stages.train import known_candidate


@click.command("evaluate")
@dry_run_option
@common_options
def command(dry_run: bool, **options: Any) -> int:
    """Compare the candidate with the champion and apply the gates.

    Both are scored on the same holdout rows, the candidate in your environment and the champion in its own;
    metrics come with intervals, differences are paired, and what can't be checked is red.
    """
    session = open_session(common(options))
    if dry_run:
        return show_plan(session, lambda model, item: [evaluate_step(model, registry=session.registry)])
    return run_stage(session, "evaluate", stage_function(session))


def stage_function(session: Session) -> StageFunction:
    """The evaluate stage, wired."""

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        if model.evaluate is None:
            return StageResult(stage="evaluate", model=model.name, status=Status.SKIPPED, reason="no 'evaluate:'")
        try:
            from mlops_ci.stages.evaluate import Question, evaluate
        except ModuleNotFoundError as error:
            raise MissingExtra("evaluate", str(error.name)) from None
        from mlops_ci.stages.scoring import Bench
        from mlops_ci.stages.served import Trial

        inputs = session.inputs(model)
        provide(model, model.evaluate.holdout, project=session.project, trainer=trainer(session, model), say=say)
        for path in model.train.data:
            provide(model, path, project=session.project, trainer=trainer(session, model), say=say)
        bench = Bench(
            root=session.git.root,
            tracker=session.tracker,
            environments=wiring.environments(),
            scorer=wiring.scorer(),
            holdouts=wiring.holdouts(),
            workspace=session.workspace,
        )

        def own_python() -> Interpreter:
            return bench.environments.prepare(
                session.git.root, tuple(inputs.environment), model.train.environment, say=say
            )

        question = Question(
            model=model,
            candidate=known_candidate(model, inputs, session.tracker),
            judgement_digest=item.judgement_digest,
            interpreter=own_python,
            today=clock.now().date(),
            where=session.config.where,
        )
        trial = Trial(
            server=wiring.server_trial(),
            interpreter=lambda: bench.environments.prepare(
                session.git.root,
                tuple(inputs.environment),
                model.train.environment,
                say=say,
                extra=wiring.server_requirements(),
            ),
            own=own_python,
        )
        result = evaluate(question, registry=session.registry, bench=bench, trial=trial, say=say)
        if result.status is not Status.PASSED:
            return result
        return watched(session, model, question.candidate.run_id, result, say=say)

    return run
