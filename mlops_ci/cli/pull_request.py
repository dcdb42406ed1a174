"""`mlops-ci pull-request`: the loop, on a laptop as in a workflow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from mlops_ci.cli.announce import SUMMARY_BYTES, announce, summarise
from mlops_ci.cli.dry_run import dry_run_option, show_plan
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.run_stage import StageFunction, one_run, perform_one, show
from mlops_ci.cli.session import Session
from mlops_ci.cli.unconfigured import mark_older, open_shown
from mlops_ci.config.types import Model
from mlops_ci.io import clock
from mlops_ci.ports.say import Say
from mlops_ci.records.affected import Affected
from mlops_ci.records.codec import encode
from mlops_ci.records.plans import Step
from mlops_ci.records.results import StageResult, Status, exit_code

STAGES = ("affected", "validate", "train", "evaluate")


@click.command("pull-request")
@dry_run_option
@click.option("--publish", is_flag=True, help="Write the comment and the checks on GitHub, too.")
@common_options
def command(dry_run: bool, publish: bool, **options: Any) -> int:
    """Judge what this branch changes: validate, train, evaluate, report.

    Every affected model is validated, trained (or proven trained) and compared with the champion on the same
    holdout rows. A model stops at its first red stage; the others go on. Exit 0: all green, or nothing affected.
    """
    session = open_shown(common(options), publish=publish, releases=True)
    chosen = session.selected
    if not chosen:
        nothing_affected(session)
        return shown_to_reviewers(session, publish=publish)
    if dry_run:
        return show_plan(session, lambda model, item: steps(session, model))
    if publish and session.reviewing is not None:
        mark_older(session.options)
    with one_run(session):
        results = [result for item in chosen for result in judge(session, item)]
        try:
            write_reports(session, [item.model for item in chosen])
        finally:
            show(session, results)  # after the reports, because a workflow is told where they are
    return shown_to_reviewers(session, results, publish=publish)


def shown_to_reviewers(session: Session, results: Sequence[StageResult] = (), *, publish: bool) -> int:
    """The exit code of the results, whatever becomes of the comment."""
    if publish:
        from mlops_ci.cli.showing import publish_judged

        publish_judged(session, [item.model for item in session.selected])
    return exit_code(results)


def judge(session: Session, item: Affected) -> Iterator[StageResult]:
    """One model through the loop, up to its first red stage. Former results are dropped first."""
    session.workspace.forget(item.model, (*STAGES, "register"))
    for stage, function in loop(session):
        result = perform_one(session, stage, item, function)
        yield result
        if result.status not in (Status.PASSED, Status.SKIPPED):
            return


def loop(session: Session) -> tuple[tuple[str, StageFunction], ...]:
    """The stages in their order, wired. Imported here: a branch that affects no model pays for none of them."""
    from mlops_ci.cli import evaluate, train, validate

    return (
        ("affected", explain(session)),
        ("validate", validate.stage_function(session)),
        ("train", train.stage_function(session)),
        ("evaluate", evaluate.stage_function(session)),
    )


def steps(session: Session, model: Model) -> Iterator[Step]:
    """What the loop would do with one model, as far as it can be told before it is done."""
    from mlops_ci.cli import train
    from mlops_ci.stages.plan import evaluate_step, validate_step

    yield validate_step(model)
    yield train.step(session, model)
    yield evaluate_step(model, registry=session.registry)


def explain(session: Session) -> StageFunction:
    """Why the model is judged, as the loop's first result; rules that can't be applied are told before any work."""
    from mlops_ci.stages.affected import explain as explained
    from mlops_ci.stages.rules import verify_rules

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        verify_rules(model, today=clock.now().date(), where=session.config.where)
        return explained(
            model, item, project=session.project, inputs=session.inputs(model), where=session.config.where, say=say
        )

    return run


def nothing_affected(session: Session) -> None:
    """Say so, with the digest each model keeps; no heavy library was imported to find out."""
    since = session.base[:12] or "the beginning"
    skipped = [
        StageResult(
            stage="affected",
            model=item.model,
            status=Status.SKIPPED,
            reason=f"inputs unchanged since {since}",
            outputs={"inputs-digest": item.inputs_digest},
            details=encode(item),
        )
        for item in session.affected
    ]
    announce(session, skipped)
    if session.console.json:
        session.console.document([encode(result) for result in skipped])
    names = ", ".join(result.model for result in skipped[:5]) + (", …" if len(skipped) > 5 else "")
    session.console.show(f"skipped: nothing that decides a model has changed since {since} ({names})")


def write_reports(session: Session, models: list[str]) -> None:
    """The reports as files and as the job's summary, and where they are. It turns nothing red or green."""
    from mlops_ci.cli.report import write_files
    from mlops_ci.report import markdown
    from mlops_ci.report.collect import collect

    for path in write_files(session.workspace, models):
        session.console.say(f"report: {path}")
    summarise(markdown.render(collect(session.workspace, models), budget=SUMMARY_BYTES))
