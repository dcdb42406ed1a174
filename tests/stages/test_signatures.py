"""What clients of the champion would notice, told from two MLmodel files as MLflow writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array, Object, Property

from mlops_ci.errors import BackendError
from mlops_ci.stages.signatures import differences, read_signature


def told(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, bool]]:
    """(difference, whether it breaks clients) of two models with these inputs, outputs and params."""
    sides = []
    for name, parts in (("before", before), ("after", after)):
        given = {side: ParamSchema(specs) if side == "params" else Schema(specs) for side, specs in parts.items()}
        Model(signature=ModelSignature(**given) if given else None).save(str(tmp_path / name))
        sides.append(read_signature(tmp_path / name))
    return [(change.text, change.breaks) for change in differences(*sides)]


A, B, X = ColSpec("double", "a"), ColSpec("long", "b"), ColSpec("double", "x", required=False)
TA, TB = TensorSpec(np.dtype("float32"), (-1, 3), "ta"), TensorSpec(np.dtype("float32"), (-1, 3), "tb")
PLACE = Object([Property("city", DataType.string), Property("zip", DataType.string)])


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ([A, B], [A, B], []),
        (
            [A, B],
            [A],
            [
                ("a row of 2 values that comes as a list is refused: it must have 1 now", True),
                ("input b is gone", False),
            ],
        ),
        ([A], [A, B], [("input b is new", True)]),
        ([A], [A, X], [("optional input x is new", False)]),
        ([A, B], [A, B, X], [("optional input x is new", False)]),
        (
            [A, B],
            [A, X],  # read as it came, and answered
            [
                ("a row of 2 values that comes as a list is misread: its value for b is taken for x", True),
                ("input b is gone", False),
                ("optional input x is new", False),
            ],
        ),
        (
            [A, B],
            [A, X, B],
            [
                ("a row of 2 values that comes as a list is refused: it must have 3 now", True),
                ("optional input x is new", False),
            ],
        ),
        (
            [A, ColSpec("long", "b", required=False)],
            [A, X, ColSpec("long", "b", required=False)],
            [
                ("a row of 2 values that comes as a list is misread: its value for b is taken for x", True),
                ("optional input x is new", False),
            ],
        ),
        (
            [A, ColSpec("long", "b", required=False), X],
            [A, ColSpec("long", "b", required=False)],
            [
                ("a row of 3 values that comes as a list is refused: it must have 1 to 2 now", True),
                ("input x is gone", False),
            ],
        ),
        ([A, B], [A, ColSpec("string", "b")], [("input b: long → string", True)]),
        ([A, B], [A, ColSpec("double", "b")], [("input b: long → double", False)]),
        ([A, ColSpec("double", "b")], [A, B], [("input b: double → long", True)]),
        ([A, ColSpec("long", "b", required=False)], [A, B], [("input b is required now", True)]),
        ([A, B], [A, ColSpec("long", "b", required=False)], [("input b is optional now", False)]),
        ([A, B], [B, A], [("the inputs are in another order, in which rows that come as lists are read", True)]),
        (
            [A, B],
            [ColSpec("double", "c"), B],
            [
                ("input c is new", True),
                ("a row of 2 values that comes as a list is misread: its value for a is taken for c", True),
                ("input a is gone", False),
            ],
        ),
        ([TA, TB], [TA], [("input tb is gone", False)]),  # tensors come by name
        ([ColSpec("double"), ColSpec("double")], [ColSpec("double")], [("input 1 is gone", True)]),
        (
            [TensorSpec(np.dtype("float32"), (-1, 3), "a")],
            [TensorSpec(np.dtype("float32"), (-1, 4), "a")],
            [("input a: float32 [-1, 3] → float32 [-1, 4]", True)],
        ),
    ],
)
def test_inputs(tmp_path: Path, before: list[Any], after: list[Any], changes: list[tuple[str, bool]]) -> None:
    assert told(tmp_path, {"inputs": before}, {"inputs": after}) == changes


P, Q = ColSpec("double", "p"), ColSpec("long", "q")


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ([P, Q], [Q, P], []),
        ([P, Q], [P], [("output q is gone", True)]),
        ([P], [ColSpec("double", "r")], [("output p is gone", True), ("output r is new", True)]),
        ([ColSpec("long")], [ColSpec("double")], [("output 0: long → double", True)]),
        ([P], [P, Q], [("output q is new", True)]),  # an answer becomes an object
        ([P, Q], [P, Q, A], [("output a is new", False)]),
    ],
)
def test_outputs(tmp_path: Path, before: list[Any], after: list[Any], changes: list[tuple[str, bool]]) -> None:
    assert told(tmp_path, {"inputs": [A], "outputs": before}, {"inputs": [A], "outputs": after}) == changes


def test_what_is_nested_counts(tmp_path: Path) -> None:
    less = Object([Property("city", DataType.string)])
    found = told(tmp_path, {"inputs": [ColSpec(Array(PLACE), "places")]}, {"inputs": [ColSpec(Array(less), "places")]})
    assert [(text.split(":")[0], breaks) for text, breaks in found] == [("input places", True)]
    assert "zip" in found[0][0]


def test_parameters(tmp_path: Path) -> None:
    old = [ParamSpec("scale", "double", 1.0), ParamSpec("k", "long", 5)]
    new = [ParamSpec("scale", "double", [1.0], shape=(-1,)), ParamSpec("top", "long", 3)]
    assert told(tmp_path, {"inputs": [A], "params": old}, {"inputs": [A], "params": new}) == [
        ("parameter scale: double → double [-1]", True),
        ("parameter k is gone", True),
        ("parameter top is new", False),
    ]


def test_what_is_described_no_more(tmp_path: Path) -> None:
    whole = {"inputs": [A], "outputs": [P]}
    assert told(tmp_path, whole, {"inputs": [A]}) == [("the outputs are not described any more", True)]
    assert told(tmp_path, {"inputs": [A]}, whole) == [("the outputs are described now", False)]
    assert told(tmp_path, whole, {}) == [
        ("it has no signature, so its server checks no input and promises no output", True)
    ]


def test_a_model_without_a_signature_has_none(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("flavors: {python_function: {}}\n")
    assert read_signature(tmp_path / "none") == {}


@pytest.mark.parametrize("content", ["[[[", "signature: {inputs: '[{]'}", "- a list", None])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "MLmodel").write_text(content)
    with pytest.raises(BackendError, match="its MLmodel file can't be read"):
        read_signature(tmp_path / "MLmodel")
