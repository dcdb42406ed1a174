"""Run one stage for one model and keep its result: stamped, timed, stored whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from mlops_ci import __version__
from mlops_ci.errors import MlopsError
from mlops_ci.io import clock, files
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.results import Failure, Origin, StageResult, Status


def perform(
    stage: str, model: str, function: Callable[[], StageResult], *, workspace: Workspace, origin: Origin
) -> StageResult:
    """Call the stage; an expected error becomes a result with status `error` (or `stale`, `failed`), never a lost one.

    The former result is dropped first: whatever happens, an old result is never read as this run's.
    """
    workspace.forget(model, (stage,))
    started, begun, spent = clock.timestamp(), clock.stopwatch(), clock.processor()
    try:
        result = function()
    except MlopsError as error:
        result = _failed(stage, model, error)
    except OSError as error:
        if not files.is_full(error):
            raise
        result = _failed(stage, model, files.disk_error(error))
    result = dataclasses.replace(
        result,
        origin=origin,
        started=started,
        seconds=round(clock.stopwatch() - begun, 3),
        cpu_seconds=round(clock.processor() - spent, 3),
        tool=f"mlops-ci {__version__}",
    )
    workspace.write_result(result)
    return result


def _failed(stage: str, model: str, error: MlopsError) -> StageResult:
    status = {10: Status.FAILED, 11: Status.STALE}.get(error.exit_code, Status.ERROR)
    failure = Failure(
        message=error.message, hint=error.hint, docs=error.docs, where=error.where, exit_code=error.exit_code
    )
    return StageResult(stage=stage, model=model, status=status, reason=str(error), failure=failure)
