"""`mlops-ci retrain`."""

from __future__ import annotations

from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.drift import watched_models
from mlops_ci.cli.drift_champion import champion
from mlops_ci.cli.options import common, model_options
from mlops_ci.cli.run_stage import one_run, show
from mlops_ci.cli.session import Session, open_session
from mlops_ci.config.types import Model
from mlops_ci.errors import BackendError
from mlops_ci.io import clock
from mlops_ci.records.codec import CodecError, decode
from mlops_ci.records.drift import DriftDetails
from mlops_ci.records.results import Origin, StageResult, Status, exit_code
from mlops_ci.stages.perform import perform
from mlops_ci.stages.retrain import STAGE, Case, retrain

NOTHING = "nothing is watched: no model has 'drift.current'"


@click.command("retrain")
@model_options
def command(**options: Any) -> int:
    """Answer drift with a pull request: newer data, a challenger, and the verdict on it.

    Goes by the result of 'drift'. Each model has at most one such pull request, which is opened, kept current, and
    closed where production recovers. Where enough windows in a row do not breach, nothing is done.
    """
    session = open_session(common(options))
    results = [one(session, model) for model in watched_models(session)]
    show(session, results, nothing=NOTHING)
    return exit_code(results)


def one(session: Session, model: Model) -> StageResult:
    """One model, kept as a result."""
    with one_run(session):
        return perform(
            STAGE,
            model.name,
            lambda: answer(session, model),
            workspace=session.workspace,
            origin=Origin(commit=session.git.head(), branch=session.git.branch()),
        )


def answer(session: Session, model: Model) -> StageResult:
    """What the drift result asks for. One about another champion than today's asks for nothing."""
    drift = session.workspace.read_result(model.name, "drift")
    if drift is None or not drift.details:
        reason = f"there is no drift result to go by: {drift.reason if drift else 'mlops-ci drift'}"
        return StageResult(stage=STAGE, model=model.name, status=Status.SKIPPED, reason=reason)
    try:
        details = decode(DriftDetails, drift.details)
    except CodecError as error:
        raise BackendError(
            f"the drift result is not one of this version: {error}", hint=f"mlops-ci drift --model {model.name}"
        ) from None
    if details.until:
        reason = f"the last drift run looked at history (--window {details.until}), which asks for nothing"
        return StageResult(stage=STAGE, model=model.name, status=Status.SKIPPED, reason=f"{reason}: mlops-ci drift")
    if details.signal.consecutive >= details.signal.needed:
        version = champion(session, model, details.environment)
        if version is None or version.model_digest != details.model_digest:
            reason = f"the drift result is about version {details.version}, which is no longer the champion"
            return StageResult(stage=STAGE, model=model.name, status=Status.SKIPPED, reason=f"{reason}: mlops-ci drift")
    case = Case(
        model=model,
        drift=drift,
        details=details,
        base=session.default_branch,
        now=clock.now(),
        quiet=wiring.starts_no_workflow(session.config),
    )
    return proposed(session, case)


def proposed(session: Session, case: Case) -> StageResult:
    """The stage, wired."""
    from mlops_ci.cli.retraining import workshop
    from mlops_ci.report.retrain_text import sections

    found = workshop(session, case.model, session.console.say)
    return retrain(case, forge=session.forge, workshop=found, text=sections)
