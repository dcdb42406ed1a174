"""Results are read back strictly: what one version wrote, it reads; anything else is refused by its path."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.evaluation import EvaluationDetails, Interval
from mlops_ci.records.models import Candidate
from mlops_ci.records.results import Check, Failure, Severity, StageResult, Status
from mlops_ci.records.training import TrainingDetails
from mlops_ci.records.validation import ValidationDetails

CHECKS = some.builds(Check, name=some.text(), status=some.sampled_from(Status), severity=some.sampled_from(Severity))
RESULTS = some.builds(
    StageResult,
    stage=some.text(),
    model=some.text(),
    status=some.sampled_from(Status),
    checks=some.lists(CHECKS, max_size=3).map(tuple),
    outputs=some.dictionaries(some.text(), some.text(), max_size=3),
    failure=some.none() | some.builds(Failure, message=some.text()),
    seconds=some.floats(allow_nan=False, allow_infinity=False),
)
CHECK = {
    "name": "n",
    "status": "passed",
    "severity": "fail",
    "message": "",
    "expected": "",
    "observed": "",
    "where": "",
    "override": "",
}


@given(RESULTS)
def test_what_is_written_is_read(result: StageResult) -> None:
    assert decode(StageResult, json.loads(json.dumps(encode(result), allow_nan=False))) == result


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([], "$: expected dict, found list"),
        ({**CHECK, "status": "green"}, "$.status: 'green' is not one of"),
        ({**CHECK, "passed": True}, "$: unknown field 'passed'"),
        ({key: CHECK[key] for key in CHECK if key != "severity"}, "$: field 'severity' is missing"),
        ({**CHECK, "message": None}, "$.message: expected str, found NoneType"),
    ],
)
def test_a_misfit_is_refused_by_its_path(document: Any, expected: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode(Check, document)
    assert str(caught.value).startswith(expected)


def test_a_misfit_deep_inside_names_the_whole_path() -> None:
    document = encode(
        StageResult(stage="s", model="m", status=Status.PASSED, checks=(Check(name="", status=Status.PASSED),))
    )
    document["checks"][0]["severity"] = "maybe"
    with pytest.raises(CodecError, match=r"^\$\.checks\[0\]\.severity: "):
        decode(StageResult, document)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_has_no_word_for_does_not_come_back_as_one(value: float) -> None:
    candidate = encode(Candidate(model="m", inputs_digest="", model_digest="", run_id="", metrics={"auc": value}))
    assert candidate["metrics"] == {"auc": None}
    with pytest.raises(CodecError, match=r"metrics\.auc"):
        decode(Candidate, candidate)


@pytest.mark.parametrize("value", [True, "1", 1.5])
def test_a_whole_number_is_one(value: object) -> None:
    document = {**encode(StageResult(stage="s", model="m", status=Status.PASSED)), "version": value}
    with pytest.raises(CodecError, match=r"\$\.version"):
        decode(StageResult, document)


@pytest.mark.parametrize("kind", [EvaluationDetails, TrainingDetails, ValidationDetails])
def test_nothing_is_not_a_record(kind: type) -> None:
    with pytest.raises(CodecError, match="missing"):
        decode(kind, {})


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(text: str) -> None:
    """Python reads them; nothing that `encode` writes has them."""
    document = {"value": json.loads(text), "low": None, "high": None}
    with pytest.raises(CodecError, match=r"^\$\.value: "):
        decode(Interval, document)
