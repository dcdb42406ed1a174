"""The model behind the server: tensors, nested types, no signature, and the shorter way into the flavor's predict."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_ci.serving.refusals import Refusal
from mlops_ci.serving.v1 import read_v1
from mlops_ci.serving.v2 import read_v2
from tests.serving.test_refusals import scalars, tensor

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def load(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Loads a model of the zoo; KServe reads the command line of whoever imports it."""
    monkeypatch.setattr(sys, "argv", ["test"])
    from mlops_ci.serving.model import MlflowModel

    def loaded(name: str) -> Any:
        model = MlflowModel(name, zoo / name)
        assert model.load()
        return model

    return loaded


def predicted(model: Any, read: Any, body: dict[str, Any]) -> dict[str, Any]:
    question = read(body, model.signature, refuse_null=False)
    return {output.name: output.values.tolist() for output in model.answer(question.columns, question)}


CUBE = [[[1, 2], [3, 4]], [[5, 6], [7, 8.5]]]


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (read_v1, {"instances": CUBE}),
        (read_v1, {"inputs": CUBE}),
        (read_v2, {"inputs": [tensor("x", "FP32", [1, 2, 3, 4, 5, 6, 7, 8.5], [2, 2, 2])]}),
        (read_v2, {"inputs": [tensor("x", "FP64", CUBE, [2, 2, 2])]}),
    ],
)
def test_one_tensor_without_a_name(load: Any, read: Any, body: Any) -> None:
    assert predicted(load("sums"), read, body) == {"predictions": [10, 26.5]}


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (read_v1, {"instances": [{"a": [1, 2, 3], "n": 4}, {"a": [4, 5, 6], "n": 5}]}),
        (read_v1, {"inputs": {"a": [[1, 2, 3], [4, 5, 6]], "n": [4, 5]}}),
        (read_v2, {"inputs": [tensor("n", "INT64", [4, 5]), tensor("a", "FP64", [1, 2, 3, 4, 5, 6], [2, 3])]}),
    ],
)
def test_tensors_by_name(load: Any, read: Any, body: Any) -> None:
    assert predicted(load("pair"), read, body) == {"total": [6, 15], "twice": [8, 10]}


@pytest.mark.parametrize(
    ("name", "read", "body", "words"),
    [
        ("sums", read_v1, {"instances": [[1, 2]]}, "shape"),
        ("sums", read_v1, {"instances": [[[1, 2], [3]]]}, "differ in length"),
        ("sums", read_v1, {"instances": [[[1, 2], 3]]}, "differ in length"),
        ("sums", read_v1, {"instances": [[[1, 2], [3, "4"]]]}, "row 0: must be a number"),
        ("sums", read_v1, {"inputs": {"x": CUBE}}, "must be a list"),
        ("sums", read_v1, {"instances": 5}, "must be a list"),
        ("sums", read_v1, {"dataframe_split": {"columns": ["a"], "data": [[1]]}}, "takes tensors"),
        ("sums", read_v2, {"inputs": [tensor("x", "FP32", [1, 2])]}, "shape"),
        ("sums", read_v2, {"inputs": [tensor("x", "BOOL", [True] * 4, [1, 2, 2])]}, "takes FP32"),
        ("sums", read_v2, {"inputs": [tensor("x", "FP32", [1]), tensor("y", "FP32", [1])]}, "one tensor"),
        ("pair", read_v1, {"instances": [{"a": [1, 2, 3]}]}, "'n', row 0: is missing"),
        ("pair", read_v1, {"instances": [5]}, "row 0: must be an object of tensors"),
        ("pair", read_v1, {"inputs": {"a": [[1, 2, 3]]}}, "'n': is missing"),
        ("pair", read_v1, {"inputs": {"a": [[1, 2, 3]], "n": [1, 2]}}, "number of rows"),
        ("pair", read_v2, {"inputs": [tensor("n", "INT64", [4])]}, "'a': is missing"),
        ("pair", read_v1, {"inputs": {"a": [[1, 2, 3]], "n": [1.5]}}, "'n', row 0: must be a whole number"),
        ("table", read_v1, {"instances": [{"list": [1, "x"], "place": {"city": "Ulm"}}]}, "'list', row 0"),
        ("table", read_v1, {"instances": [{"list": [1], "place": {"zip": "1"}}]}, "'place', row 0"),
        ("table", read_v1, {"instances": [{"list": [1], "place": 5}]}, "'place', row 0"),
        ("table", read_v1, {"instances": [{"list": None, "place": {"city": "Ulm"}}]}, "'list', row 0: is null"),
        (
            "table",
            read_v1,
            {"instances": [{"list": [1], "place": {"city": "Ulm"}}], "params": {"scale": "x"}},
            "scale",
        ),
        (
            "table",
            read_v1,
            {"instances": [{"list": [1], "place": {"city": "Ulm"}}], "params": {"z": 1}},
            "known: scale",
        ),
        ("table", read_v1, {"instances": [{"list": [1], "place": {"city": "Ulm"}}], "params": 5}, "an object"),
        ("bare", read_v1, {"instances": [[1, 2], [3]]}, "differ in length"),
        ("bare", read_v1, {"instances": [[{"a": 1}]]}, "numbers, flags or texts"),
        ("bare", read_v2, {"inputs": [tensor("x", "FP64", ["a"])]}, "must be a number"),
    ],
)
def test_what_does_not_fit_is_refused(load: Any, name: str, read: Any, body: Any, words: str) -> None:
    with pytest.raises(Refusal) as told:
        predicted(load(name), read, body)
    assert told.value.status == 400
    assert words in told.value.message


def test_nested_columns_and_parameters(load: Any) -> None:
    model = load("table")
    rows = [
        {"list": [1, 2, 3], "place": {"city": "Ulm", "zip": None, "more": 1}, "map": {"a": 1}},
        {"list": [], "place": {"city": "Bonn"}},
    ]
    assert predicted(model, read_v1, {"instances": rows}) == {"length": [3, 0], "city": ["Ulm", "Bonn"]}
    scaled = predicted(model, read_v1, {"instances": rows, "params": {"scale": 2.5}})
    assert scaled["length"] == [7.5, 0]
    texts = [tensor("list", "BYTES", ["[1]"]), tensor("place", "BYTES", ['{"city": "Ulm"}'])]
    by_v2 = predicted(model, read_v2, {"inputs": texts, "parameters": {"scale": 2.0}})
    assert by_v2 == {"length": [2], "city": ["Ulm"]}


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (read_v1, {"instances": [[30.5, 8], [60, 0]]}),
        (read_v2, {"inputs": [tensor("x", "FP64", [30.5, 8, 60, 0], [2, 2])]}),
        (read_v1, {"dataframe_split": {"columns": ["a", "b"], "data": [[30.5, 8], [60, 0]]}}),
        (read_v1, {"instances": [{"a": 30.5, "b": 8}, {"a": 60, "b": 0}]}),
        (read_v1, {"inputs": {"a": [30.5, 60], "b": [8, 0]}}),
        (read_v2, {"inputs": [tensor("a", "FP64", [30.5, 60]), tensor("b", "INT64", [8, 0])]}),
    ],
)
def test_a_model_without_a_signature(load: Any, read: Any, body: Any) -> None:
    assert predicted(load("bare"), read, body)["predictions"] == pytest.approx([38.5, 60])


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (read_v1, {"instances": [[30.5, 8], [60, 0]]}),
        (read_v1, {"inputs": {"0": [30.5, 60], "1": [8, 0]}}),
        (read_v2, {"inputs": [tensor("x", "FP64", [30.5, 8, 60, 0], [2, 2])]}),
        (read_v2, {"inputs": [tensor("a", "FP64", [30.5, 60]), tensor("b", "FP64", [8, 0], [2, 1])]}),
    ],
)
def test_columns_without_names_go_by_position(load: Any, read: Any, body: Any) -> None:
    model = load("unnamed")
    assert predicted(model, read, body)["predictions"] == pytest.approx([38.5, 60])
    question = read(body, model.signature, refuse_null=False)
    assert model.pyfunc.predict(model._given(question.columns)).tolist() == pytest.approx([38.5, 60])


def test_a_matrix_names_the_column_that_is_wrong(load: Any) -> None:
    model = load("floats")
    body = {"inputs": [tensor("all", "FP64", [1, 2, 3, None], [2, 2])]}
    assert model.signature.plain
    question = read_v2(body, model.signature, refuse_null=False)
    assert np.isnan(question.columns["visits"]).tolist() == [False, True]
    with pytest.raises(Refusal) as told:
        read_v2(body, model.signature, refuse_null=True)
    assert (told.value.field, told.value.row) == ("visits", 1)


def test_a_column_that_was_left_out_and_is_needed_is_named(load: Any) -> None:
    """Optional whole numbers have no null: the model does not get the column at all."""
    model = load("floats")
    age, visits = model.signature.inputs
    count = replace(visits, family="integer", dtype=np.dtype(np.int64), required=False)
    model.signature = replace(model.signature, inputs=(count, age))
    question = read_v1({"instances": [{"age": 30.5}]}, model.signature, refuse_null=False)
    with pytest.raises(Refusal) as told:
        model.answer(question.columns, question)
    assert told.value.status == 500
    assert model.fault(question).status == 500  # it would fail with the column, too: the order is another
    model.signature = replace(model.signature, inputs=(age, count))
    refusal = model.fault(question)
    assert (refusal.status, refusal.field, refusal.row) == (400, "visits", 0)


@pytest.mark.parametrize("name", ["clicks", "floats", "told"])
def test_the_shorter_way_gives_the_model_what_mlflow_would_give_it(load: Any, name: str) -> None:
    """MLflow's own enforcement leaves a frame of ours as it is: same columns, same types, same values, same answer."""
    import pandas as pd
    from mlflow.models.utils import _enforce_schema

    rows = [
        {**scalars(), "age": 30.5, "visits": 8, "country": "de"},
        {**scalars(), "age": 60, "visits": 0, "country": "fr"},
    ]
    if name == "told":
        rows = [{**row, "s": text, "maybe": None, "bytes": "AA=="} for row, text in zip(rows, ("a", None), strict=True)]
    model = load(name)
    question = read_v1({"instances": rows}, model.signature, refuse_null=False)
    frame = model._given(question.columns)
    enforced = _enforce_schema(frame, model.pyfunc.metadata.get_input_schema())
    pd.testing.assert_frame_equal(frame, enforced)
    assert model._direct is not None
    (output,) = model.answer(question.columns, question)
    assert output.values.tolist() == np.asarray(model.pyfunc.predict(frame), dtype=object).tolist()


def test_models_with_nested_types_or_parameters_go_through_mlflow(load: Any) -> None:
    assert load("table")._direct is None
    assert load("sums")._direct is None
