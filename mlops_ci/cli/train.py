"""`mlops-ci train`."""

from __future__ import annotations

from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.dry_run import dry_run_option, show_plan
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.run_stage import StageFunction, run_stage
from mlops_ci.cli.session import Session, open_session
from mlops_ci.config.types import Model
from mlops_ci.ports.say import Say
from mlops_ci.records.affected import Affected
from mlops_ci.records.plans import Step
from mlops_ci.records.results import StageResult
from mlops_ci.stages.plan import train_step
from mlops_ci.stages.train import Trainer, train


@click.command("train")
@click.option("--verify", is_flag=True, help="Train twice and report which outputs differ.")
@dry_run_option
@common_options
def command(verify: bool, dry_run: bool, **options: Any) -> int:
    """Train the model, or prove that it was trained before.

    Runs the DVC stage of `train.target` and everything it reaches, in your own Python environment, and logs the
    result to MLflow. Nothing is run when these inputs were trained before, on this machine or another.
    """
    session = open_session(common(options))
    if dry_run:
        return show_plan(session, lambda model, item: [step(session, model)])
    return run_stage(session, "train", stage_function(session, verify=verify))


def step(session: Session, model: Model) -> Step:
    """What training would do."""
    return train_step(model, inputs=session.inputs(model), tracker=session.tracker, workspace=session.workspace)


def stage_function(session: Session, *, verify: bool = False) -> StageFunction:
    """The train stage, wired."""

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        inputs = session.inputs(model)
        return train(
            model, inputs=inputs, trainer=trainer(session, model), origin=session.origin, say=say, verify=verify
        )

    return run


def trainer(session: Session, model: Model) -> Trainer:
    """Training's ports for one model."""
    return Trainer(
        root=session.git.root,
        tracker=session.tracker,
        environments=wiring.environments(),
        pipeline=wiring.pipeline(model, session.git.root, session.workspace.home),
        workspace=session.workspace,
        proven=session.proven,
    )
