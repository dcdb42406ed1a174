"""Deployments told to reviewers while they are carried out, wired."""

from __future__ import annotations

import os

from mlops_ci.cli import wiring
from mlops_ci.cli.session import Session
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import MlopsError
from mlops_ci.github.context import run_url
from mlops_ci.ports.say import Say
from mlops_ci.records.canary import CanaryDetails
from mlops_ci.records.codec import decode
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages import deploy
from mlops_ci.stages.deployment_record import Board


def board(session: Session, model: Model, environment: Environment) -> Board:
    """Where this environment's deployments are told: nowhere, if pull requests live in the repository."""
    several = len(session.config.models) > 1
    return Board(
        reviewing=lambda: session.reviewing,
        place=f"{model.name}/{environment.name}" if several else environment.name,
        commit=session.git.head(),
        log_url=run_url(os.environ),
    )


def carry_out(
    session: Session, model: Model, environment: Environment, planned: deploy.Plan, *, say: Say, refuse: str = ""
) -> StageResult:
    """Deploy, and tell it. Raises what deploying raises; nothing that telling does."""
    dock = wiring.dock(session.config, environment, sequence=session.git.count())
    told = board(session, model, environment)
    told.begin(planned, say=say)
    try:
        result = deploy.apply(planned, dock, say=say, refuse=refuse)
    except MlopsError as error:
        told.fail(planned.release, error, say=say)
        raise
    canary = deploy.canary_of(dock.deployer, model.name, environment.name)
    told.end(result, canary=canary is not None, say=say)
    return result


def tell_canary(session: Session, model: Model, environment: Environment, result: StageResult) -> StageResult:
    """Tell what a canary came to, and pass its result on."""
    canary = decode(CanaryDetails, result.details).canary if result.details else None
    if canary is not None and result.status is not Status.SKIPPED:
        board(session, model, environment).canary(canary, say=session.console.say)
    return result
