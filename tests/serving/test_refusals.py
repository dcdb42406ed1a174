"""Bad input of a running server: 4xx that names field and row, never 500, never a part of the input."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.serving.servers import Running

pytestmark = pytest.mark.slow

GOOD = {"age": 30.5, "visits": 8, "country": "de"}
MARK = "XYZZY"


def tensor(name: str, datatype: str, data: list[Any], shape: list[int] | None = None) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"age": MARK}, "age", "must be a number"),
        ({"age": True}, "age", "must be a number"),
        ({"age": [1]}, "age", "must be a number"),
        ({"visits": 1.5}, "visits", "whole number"),
        ({"visits": None}, "visits", "null"),
        ({"visits": 2**63}, "visits", "range"),
        ({"visits": 10**400}, "visits", ""),
        ({"country": 5}, "country", "must be a text"),
    ],
)
def test_a_wrong_value_is_named_by_field_and_row(clicks: Running, change: Any, field: str, words: str) -> None:
    answer = clicks.v1({"instances": [GOOD, {**GOOD, **change}]})
    assert answer.status == 400
    if words:
        assert (answer.json["field"], answer.json["row"]) == (field, 1)
        assert answer.json["error"].startswith(f"'{field}', row 1: ")
    assert words in answer.json["error"]
    assert MARK not in answer.body.decode()


def test_a_missing_column_is_named(clicks: Running) -> None:
    answer = clicks.v1({"instances": [GOOD, {"age": 1.0, "country": MARK}]})
    assert (answer.status, answer.json) == (400, {"error": "'visits', row 1: is missing", "field": "visits", "row": 1})
    answer = clicks.v1({"inputs": {"age": [1.0], "visits": [1]}})
    assert (answer.status, answer.json["field"]) == (400, "country")
    answer = clicks.v2({"inputs": [tensor("age", "FP64", [1.0]), tensor("visits", "INT64", [1])]})
    assert (answer.status, answer.json["field"]) == (400, "country")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"instances": [NaN]}',
        b'{"instances": [1e999999]}',
        b'\xff{"instances": []}',
        b"[]",
        b"5",
        b'{"instances": ' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"instances": ' + b"[" * 100_000,
        b'{"a": ' * 5000 + b"1" + b"}" * 5000,
        b'{"instances": [{"age": 1, "age": 2, "visits": 1, "country": "de"}]}',
        b'{"instances": [{"age": 1, "visits": 1, "country": "d\\u003a", "country": ":"}]}',
        b'{"instances": [' + b"9" * 100_000 + b"]}",
        b"{}",
        b'{"instances": []}',
        b'{"instances": {}}',
        b'{"instances": [5]}',
        b'{"instances": [[1, 2]]}',
        b'{"instances": [[30.5, 8, "de"], [30.5, 8]]}',
        b'{"instances": [{"age": 1, "visits": 1, "country": "de"}, 5]}',
        b'{"instances": [[1, 2, "de"]], "inputs": []}',
        b'{"instances": [[1, 2, "de"]], "parameters": 5}',
        b'{"instances": [[1, 2, "de"]], "parameters": {"probabilities": "yes"}}',
        b'{"instances": [[1, 2, "de"]], "parameters": {"XYZZY": 1}}',
        b'{"inputs": {"age": 1, "visits": [1], "country": ["de"]}}',
        b'{"inputs": {"age": [1, 2], "visits": [1], "country": ["de"]}}',
        b'{"dataframe_split": {"columns": ["age", "age"], "data": []}}',
        b'{"dataframe_split": {"columns": ["age", "visits", "country"], "data": []}}',
        b'{"dataframe_split": {"data": []}}',
        b'{"dataframe_split": {"columns": [[]], "data": []}}',
        b'{"dataframe_split": {"columns": ["age"], "data": [5]}}',
        b'{"dataframe_split": []}',
    ],
)
def test_a_broken_body_of_v1_is_refused(clicks: Running, body: bytes) -> None:
    answer = clicks.v1(body)
    assert answer.status == 400
    assert answer.json["error"]
    assert MARK not in answer.body.decode()


GOOD_TENSORS = [tensor("age", "FP64", [30.5]), tensor("visits", "INT64", [8]), tensor("country", "BYTES", ["de"])]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inputs": []},
        {"inputs": {}},
        {"inputs": [5]},
        {"inputs": [{"name": "age"}]},
        {"inputs": [tensor("age", MARK, [1]), *GOOD_TENSORS[1:]]},
        {"inputs": [tensor("age", "BYTES", [MARK]), *GOOD_TENSORS[1:]]},
        {"inputs": [tensor("age", "FP64", [MARK]), *GOOD_TENSORS[1:]]},
        {"inputs": [tensor("age", "FP64", [1.0], [2]), *GOOD_TENSORS[1:]]},
        {"inputs": [tensor("age", "FP64", [1.0], [-1]), *GOOD_TENSORS[1:]]},
        {"inputs": [tensor("age", "FP64", [1.0], [2**62, 2**62]), *GOOD_TENSORS[1:]]},
        {"inputs": [tensor("age", "FP64", [], [0]), *GOOD_TENSORS[1:]]},
        {"inputs": [tensor("age", "FP64", [1.0, 2.0], [1, 2]), *GOOD_TENSORS[1:]]},
        {"inputs": [tensor("age", "FP64", [[1.0], 2.0], [2]), *GOOD_TENSORS[1:]]},
        {"inputs": [tensor("age", "FP64", [1.0, 2.0]), *GOOD_TENSORS[1:]]},
        {"inputs": [*GOOD_TENSORS, GOOD_TENSORS[0]]},
        {"inputs": [{**GOOD_TENSORS[0], "data": None}, *GOOD_TENSORS[1:]]},
        {"inputs": [tensor("all", "FP64", [1.0, 2.0], [1, 2])]},
        {"inputs": [tensor("all", "FP64", [1.0, 2.0, 3.0], [1, 3])]},
        {"inputs": GOOD_TENSORS, "id": 5},
        {"inputs": GOOD_TENSORS, "outputs": "all"},
        {"inputs": GOOD_TENSORS, "parameters": []},
        {"inputs": GOOD_TENSORS, "parameters": {"probabilities": 1}},
    ],
)
def test_a_broken_body_of_v2_is_refused(clicks: Running, body: Any) -> None:
    answer = clicks.v2(body)
    assert answer.status == 400
    assert answer.json["error"]
    assert MARK not in answer.body.decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/csv"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/cloudevents-batch+json"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {"content-type": "application/json", "inference-header-content-length": "10"},
    ],
)
def test_another_content_type_is_refused(clicks: Running, headers: dict[str, str]) -> None:
    answer = clicks.ask("POST", "/v1/models/clicks:predict", {"instances": [GOOD]}, headers)
    assert answer.status == 415
    assert answer.json["error"]


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/json; charset=UTF-8"}])
def test_json_by_any_of_its_names_is_taken(clicks: Running, headers: dict[str, str]) -> None:
    assert clicks.ask("POST", "/v1/models/clicks:predict", {"instances": [GOOD]}, headers).status == 200


def memory_mb(server: Running) -> float:
    with open(f"/proc/{server.process.pid}/status", encoding="utf-8") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_100_mb_is_refused_in_little_memory(clicks: Running, chunked: bool) -> None:
    clicks.v1({"instances": [GOOD]})
    before, refused = memory_mb(clicks), clicks.metric('mlops_rejections_total{reason="too_large"}')
    part = b" " * 1_000_000
    connection = clicks.connect()
    connection.putrequest("POST", "/v1/models/clicks:predict")
    connection.putheader("content-type", "application/json")
    connection.putheader(*(("transfer-encoding", "chunked") if chunked else ("content-length", "100000000")))
    connection.endheaders()
    for _ in range(100):
        connection.send(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
    if chunked:
        connection.send(b"0\r\n\r\n")
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read()) == {"error": "the body is over the limit of 1 MB"}
    connection.close()
    assert memory_mb(clicks) - before < 20
    assert clicks.metric('mlops_rejections_total{reason="too_large"}') == refused + 1


def test_a_client_that_asks_first_need_not_send_a_large_body(clicks: Running) -> None:
    head = b"POST /v1/models/clicks:predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n"
    with socket.create_connection(("127.0.0.1", clicks.port)) as client:
        client.sendall(head + b"expect: 100-continue\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def test_a_client_that_leaves_harms_nobody(clicks: Running) -> None:
    left = 'mlops_requests_total{protocol="v1",route="predict",status="4xx"}'
    before = clicks.metric(left)
    with socket.create_connection(("127.0.0.1", clicks.port)) as client:
        client.sendall(b"POST /v1/models/clicks:predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    clicks.wait(lambda: clicks.metric(left) == before + 1)
    assert clicks.v1({"instances": [GOOD]}).status == 200


@pytest.mark.parametrize("field", ["age", "country"])
def test_a_missing_value_that_the_model_fails_by_is_the_clients_fault(clicks: Running, field: str) -> None:
    failed = 'mlops_requests_total{protocol="v1",route="predict",status="5xx"}'
    refused = 'mlops_rejections_total{reason="null"}'
    before = clicks.metric(failed), clicks.metric(refused)
    words = {"error": f"'{field}', row 1: has no value, and the model needs one", "field": field, "row": 1}
    assert clicks.v1({"instances": [GOOD]}).status == 200
    answer = clicks.v1({"instances": [GOOD, {**GOOD, field: None}], "parameters": {"probabilities": True}})
    assert (answer.status, answer.json) == (400, words)
    given = [
        tensor("age", "FP64", [30.5] * 2),
        tensor("visits", "INT64", [8, 8]),
        tensor("country", "BYTES", ["de"] * 2),
    ]
    for item in given:
        item["data"] = [item["data"][0], None] if item["name"] == field else item["data"]
    answer = clicks.v2({"inputs": given})
    assert (answer.status, answer.json) == (400, words)
    assert (clicks.metric(failed), clicks.metric(refused)) == (before[0], before[1] + 2)
    assert "Traceback" in clicks.log()


def test_a_model_that_raises_is_500_without_its_words(told: Running) -> None:
    for text in ("fail", "exit"):
        answer = told.v1({"instances": [{**scalars(), "s": text}]})
        assert answer.status == 500
        assert answer.json == {"error": "the model failed on this input; the server's log has the reason"}
    assert "the model's own words about fail" in told.log()
    assert told.v1({"instances": [scalars()]}).status == 200


def scalars() -> dict[str, Any]:
    return {"b": True, "i": 1, "l": 2, "f": 0.5, "d": 1.5, "s": "text", "t": "2026-01-31T12:00:00+02:00"}


def test_every_scalar_type_reaches_the_model_as_the_signature_says(told: Running) -> None:
    full = {**scalars(), "maybe": 0.25, "bytes": "AAE=", "flag": True, "count": 2}
    (found,) = told.v1({"instances": [full]}).json["predictions"]
    _, dtypes, values = found.split("|")
    assert dtypes == (
        "b=bool,i=int32,l=int64,f=float32,d=float64,s=object,t=datetime64[ns],maybe=float64,bytes=object,flag=bool,"
        "count=int64"
    )
    assert "Timestamp('2026-01-31 10:00:00')" in values
    assert "b'\\x00\\x01'" in values
    assert "0.25" in values


def test_an_optional_column_that_is_missing_is_null_alone_and_in_company(told: Running) -> None:
    (alone,) = told.v1({"instances": [scalars()]}).json["predictions"]
    nulls = {"maybe": None, "bytes": None, "flag": None}
    assert told.v1({"instances": [{**scalars(), **nulls}]}).json["predictions"] == [alone]
    some = told.v1({"instances": [scalars(), {**scalars(), "maybe": 2.0}]}).json["predictions"]
    assert some[0] == alone.replace("1|", "2|", 1)
    assert "maybe=float64,bytes=object,flag=object|" in alone
    assert alone.endswith("nan, None, None)")
    given = {name: [value] for name, value in scalars().items()}
    split = {"columns": list(given), "data": [list(scalars().values())]}
    assert [told.v1(body).json["predictions"] for body in ({"inputs": given}, {"dataframe_split": split})] == [
        [alone]
    ] * 2
    kinds = {"b": "BOOL", "i": "INT32", "l": "INT64", "f": "FP32", "d": "FP64", "s": "BYTES", "t": "BYTES"}
    by_v2 = told.v2({"inputs": [tensor(name, kinds[name], values) for name, values in given.items()]})
    assert by_v2.json["outputs"][0]["data"] == [alone]


def test_whole_numbers_that_may_be_missing_are_missing_in_all_rows(told: Running) -> None:
    (alone,) = told.v1({"instances": [scalars()]}).json["predictions"]
    assert "count" not in alone
    answer = told.v1({"instances": [{**scalars(), "count": 1}, scalars()]})
    assert (answer.status, answer.json["field"], answer.json["row"]) == (400, "count", 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("b", 1),
        ("b", None),
        ("i", 2**31),
        ("i", "1"),
        ("l", 1e30),
        ("f", 1e300),
        ("t", "yesterday"),
        ("t", 5),
        ("t", "99999-01-01"),
        ("bytes", "not base64!"),
        ("maybe", "1"),
    ],
)
def test_every_scalar_type_is_enforced(told: Running, field: str, value: Any) -> None:
    answer = told.v1({"instances": [scalars(), {**scalars(), field: value}]})
    assert (answer.status, answer.json["field"], answer.json["row"]) == (400, field, 1)


def test_whole_numbers_may_be_written_as_floats(told: Running) -> None:
    (found,) = told.v1({"instances": [{**scalars(), "l": 3.0, "d": 2}]}).json["predictions"]
    assert "l=int64" in found
    assert "d=float64" in found
