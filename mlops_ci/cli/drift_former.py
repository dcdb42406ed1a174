"""The last answer about a model's drift, and whether it still holds."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.cli.session import Session
from mlops_ci.config.types import Model
from mlops_ci.errors import BackendError
from mlops_ci.io import clock
from mlops_ci.records.codec import CodecError, decode
from mlops_ci.records.drift import DriftDetails
from mlops_ci.records.results import StageResult

STAGE = "drift"


@dataclass(frozen=True, kw_only=True)
class Former:
    """The last run's answer."""

    result: StageResult
    details: DriftDetails


def answered(session: Session, model: Model) -> Former | None:
    """The last run's answer, None where there is none that this version reads."""
    try:
        result = session.workspace.read_result(model.name, STAGE)
        details = decode(DriftDetails, result.details) if result is not None and result.details else None
    except (BackendError, CodecError):
        return None
    return None if result is None or details is None else Former(result=result, details=details)


def still(former: Former, stamp: str) -> bool:
    """Whether nothing that an answer came from has changed, and time alone does not change it either. An answer from
    the future is of a clock that was set back since."""
    now, details = clock.now().timestamp(), former.details
    return details.stamp == stamp and details.asked <= now and not (details.again and now >= details.again)
