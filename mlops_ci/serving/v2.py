"""The V2 (Open Inference) protocol's bodies: a tensor a column, one two-dimensional tensor, or named tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from mlops_ci.serving.question import UNNAMED, Question, parameters_of, params_of, rows_of
from mlops_ci.serving.refusals import Refusal, malformed, wrong
from mlops_ci.serving.signature import DATATYPES, Field, Signature
from mlops_ci.serving.untyped import guessed
from mlops_ci.serving.v1 import fits_shape
from mlops_ci.serving.values import Array, completed, flatten, typed

Tensor = tuple[str, str, tuple[int, ...], list[Any]]  # name, datatype, shape, flat data
Columns = dict[str, Array]
LONGEST_ID = 1024


def read_v2(document: dict[str, Any], signature: Signature, *, refuse_null: bool) -> Question:
    """The question in a body of V2. Raises Refusal."""
    given = document.get("inputs")
    if type(given) is not list or not given:
        raise malformed("'inputs' must be a list of tensors")
    tensors = [_tensor(item, place) for place, item in enumerate(given)]
    if len({tensor[0] for tensor in tensors}) != len(tensors):
        raise malformed("two of the inputs have one name")
    columns = READ[signature.kind](tensors, signature, refuse_null)
    probabilities, own = parameters_of(document)
    return Question(
        columns=columns,
        rows=rows_of(columns),
        id=_id(document.get("id")),
        probabilities=probabilities,
        outputs=_outputs(document.get("outputs")),
        params=params_of(own, signature.params),
    )


def _id(value: Any) -> str | None:
    if value is None:
        return None
    if type(value) is not str or len(value) > LONGEST_ID:
        raise wrong("id", None, f"must be a text of at most {LONGEST_ID} characters")
    return value


def _outputs(value: Any) -> tuple[str, ...] | None:
    if not value:
        return None
    if type(value) is not list or not all(type(item) is dict and type(item.get("name")) is str for item in value):
        raise malformed("'outputs' must be a list of objects with a 'name'")
    return tuple(item["name"] for item in value)


def _tensor(item: Any, place: int) -> Tensor:
    if type(item) is not dict or type(item.get("name")) is not str:
        raise malformed(f"input {place} must be an object with a 'name'")
    where, datatype, shape, data = f"inputs[{place}]", item.get("datatype"), item.get("shape"), item.get("data")
    if type(datatype) is not str or datatype not in DATATYPES:
        raise wrong(where, None, f"'datatype' must be one of {', '.join(DATATYPES)}")
    if type(shape) is not list or not shape or not all(type(size) is int and size >= 0 for size in shape):
        raise wrong(where, None, "'shape' must be a list of sizes", reason="shape")
    if type(data) is not list:
        raise wrong(where, None, "'data' must be a list", reason="malformed")
    if data and type(data[0]) is list:
        nested, data = flatten(data)
        if nested != tuple(shape):
            raise wrong(where, None, "'data' is not of the shape that 'shape' says", reason="shape")
    size = 1
    for length in shape:  # not numpy's product, which wraps around
        size *= length
    if size != len(data):
        raise wrong(where, None, "'data' has not as many values as 'shape' asks for", reason="shape")
    return item["name"], datatype, tuple(shape), data


def _typed(tensor: Tensor, field: Field, refuse_null: bool, per_row: int = 1) -> Array:
    _, datatype, _, data = tensor
    if field.family not in DATATYPES[datatype][1]:
        raise wrong(field.name, None, f"is of datatype {datatype}, and the model takes {field.datatype()}")
    if field.family == "structure":
        data = [_parsed(text, field.name, row) for row, text in enumerate(data)]
    return typed(data, field, refuse_null=refuse_null, per_row=per_row)


def _parsed(text: Any, name: str, row: int) -> Any:
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError):
        raise wrong(name, row, "must be JSON in a text") from None


def _columns(tensors: list[Tensor], signature: Signature, refuse_null: bool) -> Columns:
    known = signature.inputs
    first = tensors[0]
    is_column = first[2][1:] == (1,) and first[0] in {field.name for field in known}
    if len(tensors) == 1 and len(first[2]) == 2 and not is_column:
        return _matrix(first, signature, refuse_null)
    by_name = {tensor[0]: tensor for tensor in tensors}
    if not signature.named:
        by_name = {field.name: tensor for field, tensor in zip(known, tensors, strict=False)}
    found: Columns = {}
    for field in known:
        tensor = by_name.get(field.name)
        if tensor is None and field.required:
            raise wrong(field.name, None, "is missing", reason="missing")
        if tensor is not None:
            if tensor[2][1:] not in ((), (1,)):
                raise wrong(field.name, None, "is a column: its shape must be [n] or [n, 1]", reason="shape")
            found[field.name] = _typed(tensor, field, refuse_null)
    return completed(found, known)


def _matrix(tensor: Tensor, signature: Signature, refuse_null: bool) -> Columns:
    """All columns in one tensor, in the signature's order; optional ones at its end may be left out."""
    _, datatype, (_, width), data = tensor
    least, most = signature.least, len(signature.inputs)
    if not least <= width <= most:
        count = f"{most}" if least == most else f"{least} to {most}"
        raise Refusal(400, f"one tensor for all columns must have {count} of them", reason="shape")
    given = signature.inputs[:width]
    same = {(field.family, field.dtype, field.required) for field in given}
    if len(same) == 1 and given[0].family == "float":
        values = _floats(tensor, given, refuse_null)
        found = {field.name: values[:, place] for place, field in enumerate(given)}
    else:
        found = {
            field.name: _typed((field.name, datatype, (-1,), data[place::width]), field, refuse_null)
            for place, field in enumerate(given)
        }
    return completed(found, signature.inputs)


def _floats(tensor: Tensor, given: tuple[Field, ...], refuse_null: bool) -> Array:
    """A matrix of floats in one go; where that fails, column by column, so that the column is named."""
    width = tensor[2][1]
    try:
        return _typed(tensor, given[0], refuse_null, width).reshape(-1, width)
    except Refusal:
        for place, field in enumerate(given):
            _typed((field.name, tensor[1], (-1,), tensor[3][place::width]), field, refuse_null)
        raise


def _named_tensors(tensors: list[Tensor], signature: Signature, refuse_null: bool) -> Columns:
    by_name = {tensor[0]: tensor for tensor in tensors}
    if signature.kind == "tensor":
        if len(tensors) != 1:
            raise malformed("this model takes one tensor")
        by_name = {signature.inputs[0].name: tensors[0]}
    found: Columns = {}
    for field in signature.inputs:
        if field.name not in by_name:
            raise wrong(field.name, None, "is missing", reason="missing")
        tensor = by_name[field.name]
        fits_shape(tensor[2], field)
        per_row = max(1, int(np.prod(tensor[2][1:])))
        name = UNNAMED if signature.kind == "tensor" else field.name
        found[name] = _typed(tensor, field, refuse_null, per_row).reshape(tensor[2])
    return found


def _untyped(tensors: list[Tensor], signature: Signature, refuse_null: bool) -> Columns:
    """Without a signature: one tensor of two or more dimensions is an array, others are columns."""
    found: Columns = {}
    for name, datatype, shape, data in tensors:
        dtype, families = DATATYPES[datatype]
        field = Field(name="inputs", family=families[0], dtype=dtype)
        values = typed(data, field, refuse_null=refuse_null) if families[0] != "string" else guessed(data)
        if len(tensors) == 1 and len(shape) > 1:
            return {UNNAMED: values.reshape(shape)}
        if shape[1:] not in ((), (1,)):
            raise wrong("inputs", None, "several tensors are columns: each shape must be [n] or [n, 1]", reason="shape")
        found[name] = values
    return found


READ = {"columns": _columns, "tensor": _named_tensors, "tensors": _named_tensors, "none": _untyped}
