"""Inputs of a model without a signature: numbers, flags and texts as JSON tells them."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import Any

import numpy as np

from mlops_ci.serving.refusals import malformed
from mlops_ci.serving.signature import Field
from mlops_ci.serving.values import Array, flatten, typed


def untyped(value: Any) -> Array:
    """Nested lists as an array of the type that all their values share. Raises Refusal."""
    shape, flat = flatten(value)
    if len(shape) > 1 and {dict} & set(map(type, flat)):
        raise malformed("a tensor must be of numbers, flags or texts")
    return guessed(flat).reshape(shape)


def guessed(values: Sequence[Any]) -> Array:
    """A 1-D array: flags, whole numbers, numbers (null is NaN), else the values as they are."""
    kinds = set(map(type, values))
    if kinds == {bool}:
        return np.array(values, dtype=bool)
    if kinds == {int} and max(values) < 2**63:
        return np.array(values, dtype=np.int64)
    family = "float" if kinds <= {int, float, NoneType} and kinds != {NoneType} else "structure"
    if family == "float":
        return typed(values, Field(name="inputs", family=family, dtype=np.dtype(np.float64)), refuse_null=False)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
