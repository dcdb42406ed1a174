"""V1, V2, metadata, health and CloudEvents of a running server."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cloudevents.http import CloudEvent, from_http

from tests.serving.servers import Answer, Running

pytestmark = pytest.mark.slow

ROWS = [{"age": 30.5, "visits": 8, "country": "de"}, {"age": 60, "visits": 0, "country": "fr", "more": [1]}]
LISTS = [[30.5, 8, "de"], [60, 0, "fr"]]
TENSORS = [
    {"name": "country", "shape": [2], "datatype": "BYTES", "data": ["de", "fr"]},
    {"name": "visits", "shape": [2, 1], "datatype": "INT64", "data": [8, 0]},
    {"name": "age", "shape": [2], "datatype": "FP64", "data": [30.5, 60]},
]
EXPECTED = ["yes", "no"]


@pytest.mark.parametrize(
    "body",
    [
        {"instances": ROWS},
        {"instances": LISTS},
        {"inputs": ROWS},
        {"inputs": {"age": [30.5, 60], "visits": [8, 0], "country": ["de", "fr"], "more": [1, 2]}},
        {"dataframe_records": ROWS},
        {
            "dataframe_split": {
                "columns": ["country", "more", "visits", "age"],
                "data": [["de", 1, 8, 30.5], ["fr", 2, 0, 60]],
            }
        },
        {"dataframe_split": {"data": LISTS, "index": [5, 6]}},
    ],
)
def test_every_body_of_v1_gives_the_same_predictions(clicks: Running, body: Any) -> None:
    answer = clicks.v1(body)
    assert (answer.status, answer.json) == (200, {"predictions": EXPECTED})
    assert answer.headers["x-mlops-model-digest"] == clicks.digest


def test_v2_answers_with_names_shapes_and_types(clicks: Running) -> None:
    answer = clicks.v2({"id": "q-1", "inputs": TENSORS})
    output = {"name": "predictions", "shape": [2], "datatype": "BYTES", "data": EXPECTED}
    assert answer.status == 200
    assert answer.json == {"model_name": "clicks", "model_version": "7", "id": "q-1", "outputs": [output]}
    assert answer.headers["x-mlops-model-digest"] == clicks.digest
    versioned = clicks.ask("POST", "/v2/models/clicks/versions/7/infer", {"inputs": TENSORS})
    assert versioned.json["outputs"] == [output]
    assert clicks.ask("POST", "/v2/models/clicks/versions/8/infer", {"inputs": TENSORS}).status == 404


def test_probabilities_come_when_asked(clicks: Running) -> None:
    by_v1 = clicks.v1({"instances": ROWS, "parameters": {"probabilities": True}}).json
    assert by_v1["classes"] == ["no", "yes"]
    assert [len(row) for row in by_v1["probabilities"]] == [2, 2]
    assert by_v1["probabilities"][0][1] > 0.5 > by_v1["probabilities"][1][1]
    outputs = clicks.v2({"inputs": TENSORS, "parameters": {"probabilities": True}}).json["outputs"]
    assert outputs[1]["parameters"] == {"classes": ["no", "yes"]}
    assert (outputs[1]["name"], outputs[1]["shape"], outputs[1]["datatype"]) == ("probabilities", [2, 2], "FP64")
    assert sum(outputs[1]["data"][:2]) == pytest.approx(1)
    assert outputs[1]["data"] == [share for row in by_v1["probabilities"] for share in row]


def test_v2_gives_only_the_outputs_that_were_asked_for(clicks: Running) -> None:
    asked = {"inputs": TENSORS, "parameters": {"probabilities": True}, "outputs": [{"name": "probabilities"}]}
    assert [output["name"] for output in clicks.v2(asked).json["outputs"]] == ["probabilities"]
    answer = clicks.v2({**asked, "outputs": [{"name": "other"}]})
    assert answer.status == 400
    assert "predictions, probabilities" in answer.json["error"]


def test_kserves_health_and_lists(clicks: Running) -> None:
    found = {
        path: clicks.ask("GET", path).json
        for path in ("/", "/v1/models", "/v1/models/clicks", "/v2/health/live", "/v2/health/ready", "/v2/models")
    }
    assert found == {
        "/": {"status": "alive"},
        "/v1/models": {"models": ["clicks"]},
        "/v1/models/clicks": {"name": "clicks", "ready": True},
        "/v2/health/live": {"live": True},
        "/v2/health/ready": {"ready": True},
        "/v2/models": {"models": ["clicks"]},
    }
    assert clicks.ask("GET", "/v2/models/clicks/ready").json == {"name": "clicks", "ready": True}
    assert clicks.ask("GET", "/v2").json == {"name": "kserve", "version": "0.21.0", "extensions": []}
    assert clicks.ask("GET", "/v2/health/ready").headers["x-mlops-model-digest"] == clicks.digest


def test_metadata_is_the_signature_and_the_digest(clicks: Running, told: Running) -> None:
    found = clicks.ask("GET", "/v2/models/clicks").json
    assert found["inputs"] == [
        {"name": "age", "datatype": "FP64", "shape": [-1]},
        {"name": "visits", "datatype": "INT64", "shape": [-1]},
        {"name": "country", "datatype": "BYTES", "shape": [-1]},
    ]
    assert [output["datatype"] for output in found["outputs"]] == ["BYTES"]
    assert (found["versions"], found["properties"]) == (["7"], {"digest": clicks.digest})
    assert told.ask("GET", "/v2/models/told").json["versions"] == [told.digest[:12]]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/v1/models/other:predict", 404),
        ("GET", "/v2/models/other", 404),
        ("POST", "/v2/repository/models/clicks/unload", 404),
        ("GET", "/docs", 404),
        ("GET", "/v1/models/clicks:predict", 405),
        ("DELETE", "/v2/models/clicks", 405),
        ("POST", "/v2/health/ready", 405),
    ],
)
def test_unknown_paths_and_methods_are_refused(clicks: Running, method: str, path: str, status: int) -> None:
    answer = clicks.ask(method, path)
    assert answer.status == status
    assert answer.json["error"]
    assert answer.headers["x-mlops-model-digest"] == clicks.digest
    assert (answer.headers.get("allow") in ("GET", "POST")) == (status == 405)


ATTRIBUTES = {"specversion": "1.0", "id": "e-1", "source": "shop", "type": "click"}


def read_event(answer: Answer) -> CloudEvent:
    """The event in an answer, read by the CloudEvents SDK."""
    return from_http(dict(answer.headers), answer.body)


def test_a_binary_event_gets_a_binary_event(clicks: Running) -> None:
    answer = clicks.v1({"instances": ROWS}, **{f"ce-{name}": value for name, value in ATTRIBUTES.items()})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    event = read_event(answer)
    assert event.data == {"predictions": EXPECTED}
    assert (event["specversion"], event["type"]) == ("1.0", "io.kserve.inference.response")
    assert event["source"] == "io.kserve.inference.clicks"
    assert event["id"] not in ("", "e-1")


@pytest.mark.parametrize("encoded", [False, True])
def test_a_structured_event_gets_a_structured_event(clicks: Running, encoded: bool) -> None:
    data: dict[str, Any] = {"data": {"inputs": TENSORS}}
    if encoded:
        data = {"data_base64": base64.b64encode(json.dumps(data["data"]).encode()).decode()}
    kind = {"content-type": "application/cloudevents+json; charset=utf-8"}
    answer = clicks.ask("POST", "/v2/models/clicks/infer", {**ATTRIBUTES, **data}, kind)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/cloudevents+json")
    event = read_event(answer)
    assert event.data["outputs"][0]["data"] == EXPECTED
    assert (event["type"], event["datacontenttype"]) == ("io.kserve.inference.response", "application/json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": ""}, "'id'"),
        ({"specversion": "9"}, "specversion"),
        ({"data": [1]}, "'data'"),
        ({"data_base64": "?"}, "base64"),
    ],
)
def test_a_wrong_event_is_refused(clicks: Running, change: dict[str, Any], words: str) -> None:
    event = {**ATTRIBUTES, "data": {"inputs": TENSORS}, **change}
    answer = clicks.ask("POST", "/v2/models/clicks/infer", event, {"content-type": "application/cloudevents+json"})
    assert answer.status == 400
    assert words in answer.json["error"]
