"""`mlops-ci register`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from mlops_ci.cli.options import common, common_options
from mlops_ci.cli.run_stage import StageFunction, run_stage
from mlops_ci.cli.session import Session, open_session
from mlops_ci.config.types import Model
from mlops_ci.ports import Say
from mlops_ci.records.affected import Affected
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages import register


@click.command("register")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@common_options
def command(dry_run: bool, **options: Any) -> int:
    """Give a judged candidate its registry version.

    Finds the candidate that was judged with exactly the inputs of this commit and proves that its stored bytes
    are the ones that were judged. One version a model digest, however often it is run.
    """
    session = open_session(common(options))
    return run_stage(session, "register", stage_function(session, dry_run=dry_run))


def stage_function(session: Session, *, dry_run: bool = False) -> StageFunction:
    """The register stage, wired."""

    def run(model: Model, item: Affected, say: Say) -> StageResult:
        with tempfile.TemporaryDirectory() as folder:
            planned = register.plan(
                model,
                inputs_digest=item.inputs_digest,
                judgement_digest=item.judgement_digest,
                tracker=session.tracker,
                registry=session.registry,
                scratch=Path(folder),
                origin=session.origin,
            )
        say(str(planned))
        if dry_run:
            return StageResult(stage="register", model=model.name, status=Status.SKIPPED, reason=f"dry run; {planned}")
        return register.apply(planned, registry=session.registry)

    return run
