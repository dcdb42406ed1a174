"""Which record the details of each stage's result are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_ci.records.affected import Affected
from mlops_ci.records.codec import decode
from mlops_ci.records.evaluation import EvaluationDetails
from mlops_ci.records.results import StageResult
from mlops_ci.records.training import RegistrationDetails, TrainingDetails
from mlops_ci.records.validation import ValidationDetails

# The stages of a report, in their order.
DETAILS: Mapping[str, type[Any]] = {
    "affected": Affected,
    "validate": ValidationDetails,
    "train": TrainingDetails,
    "evaluate": EvaluationDetails,
    "register": RegistrationDetails,
}


def check_details(result: StageResult) -> None:
    """Raises CodecError where a result's details do not fit the record of its stage."""
    if result.details:
        decode(DETAILS[result.stage], result.details)
