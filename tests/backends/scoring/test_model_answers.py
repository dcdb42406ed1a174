"""Whatever shape a model answers in: labels, numbers or probabilities, or one clear refusal."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.types import ColSpec, Schema

from mlops_ci.backends.scoring import score_script

score_script.beside("row_hash")
answers = score_script.beside("model_answers")
BINARY = {"task": "classification", "classes": ["0", "1"], "positive": "1", "label": "y", "group": ""}
THREE = {**BINARY, "classes": ["a", "b", "c"], "positive": ""}
REGRESSION = {**BINARY, "task": "regression", "classes": [], "positive": ""}


class Fixed:
    """A model that answers always alike."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict(self, frame: pd.DataFrame) -> Any:
        return self.answer


def interpret(answer: Any, job: dict[str, Any]) -> tuple[list[Any], list[str], Any]:
    model = answers.Pyfunc(Fixed(answer), None, [])
    prediction, classes, probabilities = model.interpret([model.predict(pd.DataFrame({"x": [1, 2]}))], job)
    return list(prediction), list(classes), probabilities


@pytest.mark.parametrize(
    ("answer", "job", "labels", "classes", "first"),
    [
        (np.array([0.2, 0.8]), BINARY, ["0", "1"], ["0", "1"], [0.8, 0.2]),
        (np.array([0.2, 0.8]), {**BINARY, "positive": "0"}, ["1", "0"], ["1", "0"], [0.8, 0.2]),
        (np.array([[0.2], [0.8]]), BINARY, ["0", "1"], ["0", "1"], [0.8, 0.2]),
        (pd.DataFrame({"probability": [0.2, 0.8]}), BINARY, ["0", "1"], ["0", "1"], [0.8, 0.2]),
        (np.array([[0.7, 0.3], [0.1, 0.9]]), BINARY, ["0", "1"], ["0", "1"], [0.7, 0.3]),
        (np.array([[0.7, 0.2, 0.1], [0, 0, 1]]), THREE, ["a", "c"], ["a", "b", "c"], [0.7, 0.2, 0.1]),
        (
            pd.DataFrame({"c": [0.1, 1], "a": [0.6, 0], "b": [0.3, 0]}),
            THREE,
            ["a", "c"],
            ["c", "a", "b"],
            [0.1, 0.6, 0.3],
        ),
        (pd.DataFrame([[0.1, 0.6, 0.3], [1, 0, 0]]), BINARY, ["1", "0"], ["0", "1", "2"], [0.1, 0.6, 0.3]),
        ([[0.4, 0.6], [0.6, 0.4]], BINARY, ["1", "0"], ["0", "1"], [0.4, 0.6]),
    ],
)
def test_probabilities(answer: Any, job: dict[str, Any], labels: list[str], classes: list[str], first: Any) -> None:
    found, named, probabilities = interpret(answer, job)
    assert found == labels
    assert named == classes
    assert list(probabilities[0]) == pytest.approx(first)


@pytest.mark.parametrize(
    ("answer", "job", "labels"),
    [
        (np.array([0, 1]), BINARY, ["0", "1"]),
        (np.array([0.0, 1.0]), BINARY, ["0", "1"]),
        (np.array([False, True]), BINARY, ["0", "1"]),
        (np.array(["a", "c"]), THREE, ["a", "c"]),
        (pd.Series(["a", "never seen"]), THREE, ["a", "never seen"]),
        (pd.DataFrame({"prediction": ["b", "b"]}), THREE, ["b", "b"]),
        (pd.Categorical(["b", "a"]), THREE, ["b", "a"]),
    ],
)
def test_labels(answer: Any, job: dict[str, Any], labels: list[str]) -> None:
    assert interpret(answer, job) == (labels, [], None)


@pytest.mark.parametrize("answer", [np.array([1, 2]), [1.0, 2.0], pd.DataFrame({"y": [1, 2]}), np.array([[1], [2]])])
def test_numbers(answer: Any) -> None:
    prediction, classes, probabilities = interpret(answer, REGRESSION)
    assert prediction == [1.0, 2.0]
    assert (classes, probabilities) == ([], None)


@pytest.mark.parametrize(
    ("answer", "job", "words"),
    [
        (np.array([-2.5, 3.1]), BINARY, "gave -2.5 … 3.1, which are no probabilities"),
        (np.array([0.2, 0.8]), THREE, "more than two classes"),
        (np.array([[2.0, -1.0], [0.1, 0.9]]), BINARY, "which are no probabilities"),
        (np.array([[0.4, 0.4], [0.1, 0.9]]), BINARY, "do not add up to one"),
        (np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]]), {**BINARY, "classes": ["no", "yes"]}, "gave 3 columns"),
        (pd.DataFrame({"x": [0.2, 0.1], "y": [0.8, 0.9]}), BINARY, "gave columns x, y, and the classes are 0, 1"),
        (pd.DataFrame({"0": ["u", "v"], "1": ["u", "v"]}), BINARY, "not of numbers"),
        (np.zeros((2, 2, 2)), BINARY, r"shape \(2, 2, 2\)"),
        (np.array(["a", None], dtype=object), THREE, "no class for 1 of 2 rows"),
        (np.array(["x", "y"]), REGRESSION, "gave 'x'; a regression needs numbers"),
        (np.zeros((2, 2)), REGRESSION, "one number a row"),
    ],
)
def test_what_is_neither_is_refused(answer: Any, job: dict[str, Any], words: str) -> None:
    with pytest.raises(answers.Refused, match=words):
        interpret(answer, job)


def test_a_probability_that_is_no_number_is_left_for_the_reader_to_find() -> None:
    _, _, probabilities = interpret(np.array([0.3, np.nan]), BINARY)
    assert np.isnan(probabilities[1]).all()


@pytest.mark.parametrize("answer", [[1, 2, 3], np.zeros(1), None, 0.5, "done"])
def test_the_wrong_number_of_rows_is_refused(answer: Any) -> None:
    with pytest.raises(answers.Refused, match="predictions for 2 rows"):
        answers.checked(answer, 2)


def test_a_classifier_keeps_its_own_labels() -> None:
    """A tuned threshold is not 0.5."""

    class Careful:
        classes_ = np.array([False, True])

        def predict(self, frame: Any) -> Any:
            return np.array([True, False])

        def predict_proba(self, frame: Any) -> Any:
            return np.array([[0.7, 0.3], [0.9, 0.1]])

    model = answers.Classifier(Careful(), None, [])
    labels, classes, _ = model.interpret([model.predict(pd.DataFrame({"x": [1, 2]}))], BINARY)
    assert list(labels) == ["1", "0"]
    assert classes == ["0", "1"]


def signature(**columns: str) -> Any:
    from mlflow.types import ColSpec, Schema

    return Schema([ColSpec(kind, name) for name, kind in columns.items()])


def test_only_what_the_signature_asks_for_is_given() -> None:
    job = {**BINARY, "group": "g"}
    names = ["y", "g", "a", "b"]
    assert answers.Pyfunc(None, signature(b="double", a="double"), []).columns(names, job) == ["b", "a"]
    assert answers.Pyfunc(None, signature(g="double"), []).columns(names, job) == ["g"]
    assert answers.Pyfunc(None, None, ["b"]).columns(names, job) == ["b"]
    assert answers.Pyfunc(None, None, []).columns(names, job) == ["a", "b"]
    with pytest.raises(answers.Refused, match="needs the column 'carrier', which the holdout lacks"):
        answers.Pyfunc(None, signature(carrier="string"), []).columns(names, job)
    with pytest.raises(answers.Refused, match="asks for the label 'y' as an input"):
        answers.Pyfunc(None, signature(a="double", y="long"), []).columns(names, job)


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (["UA", "AA"], "double", "'x' is not double"),
        (["UA", "AA"], "long", "'x' is not long, as the model's signature asks: text"),
        ([1.5, 2.0], "long", "fractions or missing values"),
        ([1.0, None], "integer", "fractions or missing values"),
        ([1, 2], "string", "'x' holds numbers, and the model's signature asks for string"),
        (["soon", "later"], "datetime", "'x' is not datetime"),
    ],
)
@pytest.mark.filterwarnings("ignore:Could not infer format")
def test_a_column_of_another_type_is_named(values: list[Any], kind: str, words: str) -> None:
    model = answers.Pyfunc(None, signature(x=kind), [])
    with pytest.raises(answers.Refused, match=words):
        model.shaped(pd.DataFrame({"x": values}))


def test_numbers_become_what_the_signature_asks() -> None:
    model = answers.Pyfunc(None, signature(a="double", b="long", c="float", d="datetime", e="string"), [])
    columns: dict[str, Any] = {
        "a": [1, 2],
        "b": [1.0, 2.0],
        "c": [True, False],
        "d": ["2013-04-01", None],
        "e": ["x", None],
    }
    found = model.shaped(pd.DataFrame(columns))
    assert [str(kind) for kind in found.dtypes][:4] == ["float64", "int64", "float32", "datetime64[ns]"]


def test_a_request_has_the_types_of_the_signature() -> None:
    model = answers.Pyfunc(None, signature(a="double", b="long", d="datetime"), [])
    frame = pd.DataFrame({"a": [1, 2], "b": [1.0, 2.0], "d": ["2013-04-01", None]})
    found = model.request(frame)["dataframe_split"]
    assert found == {"columns": ["a", "b", "d"], "data": [[1.0, 1, "2013-04-01T00:00:00"], [2.0, 2, None]]}
    assert [type(cell) for cell in found["data"][0]] == [float, int, str]


def test_what_is_missing_is_null_and_what_json_has_no_word_for_stays() -> None:
    short = pd.Timedelta(1, "s")
    cells = [pd.NA, pd.NaT, float("nan"), decimal.Decimal("1.5"), short, {"x": np.float64(2.0)}]
    assert answers.plain(cells) == [None, None, None, decimal.Decimal("1.5"), short, {"x": 2.0}]


def test_an_optional_column_that_is_not_there_is_null() -> None:
    kinds = {"d": "double", "f": "float", "s": "string", "t": "datetime", "b": "boolean", "n": "long"}
    optional = [ColSpec(kind, name, required=False) for name, kind in kinds.items()]
    schema = Schema([*optional, ColSpec("double", "a")])
    given = answers.Pyfunc(None, schema, []).shaped(pd.DataFrame({"a": [1, 2]}, index=[5, 6]))
    assert list(given) == ["d", "f", "s", "t", "b", "a"], "of whole numbers MLflow takes no null"
    assert [str(dtype) for dtype in given.dtypes] == [
        "float64", "float32", "object", "datetime64[ns]", "object", "float64",
    ]  # fmt: skip
    assert given.drop(columns="a").isna().all(axis=None)
    np.testing.assert_array_equal(given["a"], [1.0, 2.0])
