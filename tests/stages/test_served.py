"""What clients of the champion would notice, told from two MLmodel files as MLflow writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.stages.served import differences, signature


@pytest.fixture
def write(tmp_path: Path) -> Path:
    """The folder of two models whose signatures differ in every way."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema

    columns = {
        "old": ([ColSpec("double", "a"), ColSpec("long", "b"), ColSpec("string", "c")], [ColSpec("long")]),
        "new": ([ColSpec("double", "a"), ColSpec("double", "b"), ColSpec("string", "d")], [ColSpec("double")]),
    }
    for name, (inputs, outputs) in columns.items():
        model = Model(signature=ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs)))
        model.save(str(tmp_path / name))
    (tmp_path / "none").write_text("flavors: {python_function: {}}\n")
    (tmp_path / "broken").write_text("[[[")
    return tmp_path


def test_every_difference_is_told(write: Path) -> None:
    before, after = signature(write / "old"), signature(write / "new")
    assert differences("inputs", before["inputs"], after["inputs"]) == [
        "input c is gone",
        "input d is new",
        "input b: long → double",
    ]
    assert differences("outputs", before["outputs"], after["outputs"]) == ["output 0: long → double"]
    assert differences("inputs", before["inputs"], before["inputs"]) == []


@pytest.mark.parametrize("name", ["none", "broken", "gone"])
def test_a_model_without_a_signature_says_nothing(write: Path, name: str) -> None:
    assert signature(write / name) == {}
    assert differences("inputs", None, signature(write / "old")["inputs"]) == []
