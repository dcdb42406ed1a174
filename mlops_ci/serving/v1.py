"""The V1 protocol's bodies, and MLflow's: `instances`, `inputs`, `dataframe_split`, `dataframe_records`."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from mlops_ci.serving.question import UNNAMED, Question, parameters_of, params_of, rows_of
from mlops_ci.serving.refusals import malformed, wrong
from mlops_ci.serving.signature import Field, Signature
from mlops_ci.serving.untyped import guessed, untyped
from mlops_ci.serving.values import Array, completed, flatten, typed

BODIES = ("instances", "inputs", "dataframe_split", "dataframe_records")
Columns = dict[str, Array]


def read_v1(document: dict[str, Any], signature: Signature, *, refuse_null: bool) -> Question:
    """The question in a body of V1. Raises Refusal."""
    present = [name for name in BODIES if name in document]
    if len(present) != 1:
        raise malformed(f"the body needs exactly one of {', '.join(BODIES)}")
    columns = _columns(present[0], document[present[0]], signature, refuse_null)
    probabilities, own = parameters_of(document)
    return Question(
        columns=columns,
        rows=rows_of(columns),
        probabilities=probabilities,
        params=params_of(document.get("params") or own, signature.params),
    )


def _columns(body: str, value: Any, signature: Signature, refuse_null: bool) -> Columns:
    if body == "dataframe_split":
        return _split(value, signature, refuse_null)
    if body == "inputs" and type(value) is dict:
        return _columnar(value, signature, refuse_null)
    if type(value) is not list:
        raise malformed(f"'{body}' must be a list")
    if not value:
        raise malformed("there are no rows")
    if signature.kind == "tensor" or (signature.kind == "none" and type(value[0]) is not dict):
        return {UNNAMED: _tensor(value, signature.inputs[0] if signature.inputs else None, refuse_null)}
    if signature.kind == "tensors":
        return _tensor_records(value, signature, refuse_null)
    if type(value[0]) is dict:
        return _records(value, signature, refuse_null)
    return _lists(value if type(value[0]) is list else [[item] for item in value], signature, refuse_null)


def _records(records: list[Any], signature: Signature, refuse_null: bool) -> Columns:
    for row, record in enumerate(records):
        if type(record) is not dict:
            raise wrong("instances", row, "must be an object, as the first row is", reason="malformed")
    if signature.kind == "none":
        names = list(records[0])
        return {name: guessed([record.get(name) for record in records]) for name in names}
    known = signature.inputs
    # The first name twice, because for one name alone an itemgetter gives no tuple.
    try:
        table: Sequence[Sequence[Any]] = list(map(itemgetter(*(field.name for field in known), known[0].name), records))
        given: dict[str, Sequence[Any]] = dict(zip((f.name for f in known), zip(*table, strict=True), strict=False))
    except KeyError:
        given = _sparse(records, known)
    return _typed(given, known, refuse_null, len(records))


def _sparse(records: list[dict[str, Any]], known: tuple[Field, ...]) -> dict[str, Sequence[Any]]:
    """The columns of records that lack some: an optional one counts as null there, or is left out where all lack it."""
    given: dict[str, Sequence[Any]] = {}
    for field in known:
        lacking = [row for row, record in enumerate(records) if field.name not in record]
        if lacking and (field.required or (not field.nullable and len(lacking) < len(records))):
            words = "is missing" if field.required else "is missing, and other rows have it: this type has no null"
            raise wrong(field.name, lacking[0], words, reason="missing")
        if len(lacking) < len(records):
            given[field.name] = [record.get(field.name) for record in records]
    return given


def _lists(rows: list[Any], signature: Signature, refuse_null: bool, order: list[Any] | None = None) -> Columns:
    """Rows as lists, in the signature's order or that of `order`, column names of which the unknown are dropped.

    In the signature's order, all may stop before optional columns at its end.
    """
    if not rows:
        raise malformed("there are no rows")
    names = order if order is not None else [field.name for field in signature.inputs]
    width = len(names)
    if order is None and type(rows[0]) is list:
        width = max(signature.least, min(width, len(rows[0])))
    for row, values in enumerate(rows):
        if type(values) is not list or len(values) != width:
            raise wrong("rows", row, f"must be a list of {width} values", reason="shape")
    columns = zip(*rows, strict=True)
    return _typed(dict(zip(names, columns, strict=False)), signature.inputs, refuse_null)


def _split(value: Any, signature: Signature, refuse_null: bool) -> Columns:
    if type(value) is not dict or type(value.get("data")) is not list:
        raise malformed("'dataframe_split' must be an object with 'columns' and 'data'")
    if signature.kind in ("tensor", "tensors"):
        raise malformed("this model takes tensors, not a frame: use 'instances' or 'inputs'")
    names = value.get("columns")
    if names is None and signature.kind == "columns":
        return _lists(value["data"], signature, refuse_null)
    if type(names) is not list or not all(isinstance(name, (str, int)) for name in names):
        raise malformed("'dataframe_split.columns' must be a list of names")
    names = [str(name) for name in names]
    if len(set(names)) != len(names):
        raise malformed("'dataframe_split.columns' has a name twice")
    if signature.kind == "none":
        rows = value["data"]
        if not all(type(row) is list and len(row) == len(names) for row in rows):
            raise malformed("every row of 'dataframe_split.data' must have a value for each column")
        return {name: guessed(list(column)) for name, column in zip(names, zip(*rows, strict=True), strict=False)}
    return _lists(value["data"], signature, refuse_null, names)


def _columnar(value: dict[str, Any], signature: Signature, refuse_null: bool) -> Columns:
    if signature.kind == "tensor":
        raise malformed("this model takes one tensor without a name: 'inputs' must be a list")
    if signature.kind == "none":
        return {name: untyped(values) for name, values in value.items()}
    if signature.kind == "tensors":
        present = [field for field in signature.inputs if field.name in value or field.required]
        return {field.name: _tensor(_named(value, field.name), field, refuse_null) for field in present}
    given = {field.name: value[field.name] for field in signature.inputs if field.name in value}
    for name, values in given.items():
        if type(values) is not list:
            raise wrong(name, None, "must be a list of the column's values", reason="shape")
    return _typed(given, signature.inputs, refuse_null)


def _named(record: dict[str, Any], name: str, row: int | None = None) -> Any:
    if name not in record:
        raise wrong(name, row, "is missing", reason="missing")
    return record[name]


def _tensor_records(records: list[Any], signature: Signature, refuse_null: bool) -> Columns:
    if len(signature.inputs) == 1 and type(records[0]) is not dict:
        only = signature.inputs[0]
        return {only.name: _tensor(records, only, refuse_null)}
    for row, record in enumerate(records):
        if type(record) is not dict:
            raise wrong("instances", row, "must be an object of tensors by name", reason="malformed")
    return {
        field.name: _tensor([_named(record, field.name, row) for row, record in enumerate(records)], field, refuse_null)
        for field in signature.inputs
    }


def _tensor(value: Any, field: Field | None, refuse_null: bool) -> Array:
    if field is None:
        return untyped(value)
    shape, flat = flatten(value)
    fits_shape(shape, field)
    per_row = max(1, int(np.prod(shape[1:])))
    return typed(flat, field, refuse_null=refuse_null, per_row=per_row).reshape(shape)


def fits_shape(shape: tuple[int, ...], field: Field) -> None:
    """Raises Refusal where a tensor's shape is not the signature's, in which -1 stands for any size."""
    asked = field.shape
    if len(shape) != len(asked) or any(size not in (-1, has) for size, has in zip(asked, shape, strict=True)):
        raise wrong(field.name, None, f"must be of shape {list(asked)}", reason="shape")


def _typed(given: dict[str, Sequence[Any]], known: tuple[Field, ...], refuse_null: bool, rows: int = 0) -> Columns:
    for field in known:
        if field.required and field.name not in given:
            raise wrong(field.name, None, "is missing", reason="missing")
    found = {
        field.name: typed(given[field.name], field, refuse_null=refuse_null) for field in known if field.name in given
    }
    return completed(found, known, rows)
