"""The reference that production is compared with: kept when a model is judged or registered, or made by hand."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_ci.cli import wiring
from mlops_ci.cli.session import Session
from mlops_ci.config.types import Model
from mlops_ci.errors import MlopsError
from mlops_ci.ports.say import Say
from mlops_ci.records.results import Check, Severity, StageResult, Status

if TYPE_CHECKING:
    from mlops_ci.stages.reference import Desk

CHECK = "drift reference"


def watched(session: Session, model: Model, run_id: str, result: StageResult, *, say: Say) -> StageResult:
    """The result of a stage that gave a run its judgement or its version, with a check on its reference.

    A model that is not watched needs none. Without one nothing can be watched, which is told here and stops nothing.
    """
    if not model.drift.current:
        return result
    try:
        made = ensure(session, model, run_id, result.outputs["model-digest"], say=say)
        check = Check(name=CHECK, status=Status.PASSED, message="made" if made else "was kept before")
    except MlopsError as error:
        message = f"production can't be watched yet: {error}"
        message += f" ({error.hint})" if error.hint else ""
        where = session.config.where(f"models.{model.name}.drift")
        check = Check(name=CHECK, status=Status.FAILED, severity=Severity.WARN, message=message, where=where)
    return dataclasses.replace(result, checks=(*result.checks, check))


def ensure(session: Session, model: Model, run_id: str, digest: str, *, say: Say, anew: bool = False) -> bool:
    """Make a run's reference where it has none (or `anew`); whether one was made."""
    from mlops_ci.stages import reference

    with tempfile.TemporaryDirectory() as folder:
        if not anew and reference.kept(run_id, Path(folder), tracker=session.tracker):
            return False
    reference.make_reference(model, run_id, digest, desk=desk(session, model, run_id, say), say=say)
    return True


def desk(session: Session, model: Model, run_id: str, say: Say) -> Desk:
    """What making one needs; the model is asked in the environment that its run kept."""
    from mlops_ci.stages.reference import Desk
    from mlops_ci.stages.scoring import Home, environment_of

    home = Home(root=session.git.root, tracker=session.tracker, environments=wiring.environments())
    scratch = session.workspace.scratch(model.name, "reference")
    return Desk(
        tracker=session.tracker,
        data=wiring.training_data(),
        scorer=wiring.watch_scorer(),
        holdouts=wiring.holdouts(),
        interpreter=lambda: environment_of(run_id, home, scratch, say),
        scratch=scratch,
        log=session.workspace.log_path(model.name, "reference"),
    )
