"""`mlops-ci validate`."""

from __future__ import annotations

import json
from typing import Any

import click

from mlops_ci.cli import wiring
from mlops_ci.cli.dry_run import dry_run_option, show_plan
from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.run_stage import StageFunction, run_stage
from mlops_ci.cli.session import Session, open_session
from mlops_ci.cli.train import trainer
from mlops_ci.config.types import Dataset, Model
from mlops_ci.ports.data import DataSource
from mlops_ci.ports.say import Say
from mlops_ci.records.affected import Affected
from mlops_ci.records.codec import CodecError, decode
from mlops_ci.records.results import StageResult
from mlops_ci.records.validation import ValidationDetails
from mlops_ci.stages.plan import validate_step
from mlops_ci.stages.producers import producer
from mlops_ci.stages.provide import provide
from mlops_ci.stages.validate import validate


@click.command("validate")
@dry_run_option
@common_options
def command(dry_run: bool, **options: Any) -> int:
    """Check data against its expectation suites.

    Every `validate:` entry of a model: CSV, Parquet or a database against a Great Expectations suite, and how the
    data differs from what the champion was trained on.
    """
    session = open_session(common(options))
    if dry_run:
        return show_plan(session, lambda model, item: [validate_step(model)])
    return run_stage(session, "validate", stage_function(session))


def stage_function(session: Session) -> StageFunction:
    """The validate stage, wired."""

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        def open_source(dataset: Dataset) -> DataSource:
            provide(model, dataset.data, project=session.project, trainer=trainer(session, model), say=say)
            return wiring.source(model, dataset)

        return validate(
            model,
            open_source=open_source,
            derived=lambda dataset: producer(model, dataset.data, session.project) is not None,
            validator=wiring.validator(),
            champion=lambda: champion_data(session, model),
            judgement_digest=item.judgement_digest,
            where=session.config.where,
            say=say,
        )

    return run


def champion_data(session: Session, model: Model) -> tuple[str, ValidationDetails] | None:
    """What validation found in the champion's data; None where there is no champion, or it kept no record."""
    version = session.registry.champion(model.name, model.champion_environment)
    if version is None:
        return None
    folder = session.workspace.scratch(model.name, "champion")
    path = session.tracker.fetch(version.run_id, "validation.json", folder)
    try:
        stored = decode(StageResult, json.loads(path.read_text("utf-8"))) if path else None
        return (f"version {version.number}", decode(ValidationDetails, stored.details)) if stored else None
    except (CodecError, ValueError):
        return None
