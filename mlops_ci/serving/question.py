"""One request, read: the columns or tensors for the model, and what was asked about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.serving.refusals import malformed, wrong
from mlops_ci.serving.values import Array

UNNAMED = ""  # the name of the one tensor that has none
OURS = ("probabilities", "content_type", "headers")  # the latter two are what clients of MLServer send


@dataclass(frozen=True, kw_only=True)
class Question:
    """`columns` maps each input's name to an array with one row each along the first axis."""

    columns: Mapping[str, Array]
    rows: int
    id: str | None = None
    probabilities: bool = False
    outputs: tuple[str, ...] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alike(self) -> tuple[Any, ...]:
        """Questions with an equal value may be put together in one call of the model."""
        shapes = tuple((name, array.dtype.str, array.shape[1:]) for name, array in self.columns.items())
        return shapes, self.probabilities


def rows_of(columns: Mapping[str, Array]) -> int:
    """The number of rows. Raises Refusal where there is none, or where the inputs differ."""
    counts = {len(array) for array in columns.values()}
    if len(counts) > 1:
        raise malformed("the inputs differ in their number of rows")
    if not counts or not (rows := counts.pop()):
        raise malformed("there are no rows")
    return rows


def parameters_of(document: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """(whether probabilities are asked for, the other parameters) of a body of either protocol. Raises Refusal."""
    given = document.get("parameters")
    if given is None:
        return False, {}
    if type(given) is not dict:
        raise malformed("'parameters' must be an object")
    asked = given.get("probabilities", False)
    if type(asked) is not bool:
        raise wrong("parameters.probabilities", None, "must be true or false")
    return asked, {name: value for name, value in given.items() if name not in OURS}


def params_of(given: Any, schema: Any) -> dict[str, Any]:
    """The model's own inference parameters, checked against MLflow's signature of them."""
    if not given:
        return {}
    if type(given) is not dict:
        raise malformed("the parameters must be an object")
    known = {spec.name: spec for spec in schema.params} if schema is not None else {}
    for name, value in given.items():
        if name not in known:
            words = f"known: {', '.join(known)}" if known else "this model has none"
            raise malformed(f"a parameter is not known ({words})")
        if not _fits(value, known[name]):
            raise wrong(name, None, "does not fit the parameter's type in the model's signature")
    return given


def _fits(value: Any, spec: Any) -> bool:
    from mlops_ci.serving.structures import checked

    if not hasattr(spec.dtype, "name"):
        return type(value) is dict
    values = value if spec.shape is not None else [value]
    if type(values) is not list:
        return False
    try:
        for item in values:
            checked(item, spec.dtype)
    except ValueError:
        return False
    return True
