"""Lists of JSON values as numpy arrays of the signature's types; what does not fit is refused by field and row."""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_ci.serving.refusals import Refusal, malformed, wrong
from mlops_ci.serving.signature import Field
from mlops_ci.serving.structures import checked

Array = NDArray[Any]
WORDS = {
    "boolean": "must be true or false",
    "integer": "must be a whole number",
    "float": "must be a number",
    "string": "must be a text",
    "binary": "must be a base64 text",
    "datetime": "must be an ISO 8601 time",
    "structure": "does not fit the type in the model's signature",
}
ACCEPTED: dict[str, frozenset[type]] = {
    "boolean": frozenset({bool}),
    "integer": frozenset({int, float}),
    "float": frozenset({int, float}),
    "string": frozenset({str}),
    "binary": frozenset({str}),
    "datetime": frozenset({str}),
}
EXACT = 2**53  # a float beyond it no longer tells one whole number from the next


def typed(values: Sequence[Any], field: Field, *, refuse_null: bool, per_row: int = 1) -> Array:
    """A 1-D array of `field.dtype`. Raises Refusal, naming field and row, at the first value that does not fit.

    `per_row` is how many of the values make one row, for tensors that were flattened.
    """
    kinds = set(map(type, values))
    accepted = ACCEPTED.get(field.family)
    nulls = NoneType in kinds
    if nulls and (not field.nullable or (field.required and refuse_null)):
        raise wrong(field.name, _first(values, lambda value: value is None) // per_row, "is null", reason="null")
    if accepted is not None and not kinds <= accepted | ({NoneType} if field.nullable else frozenset()):
        row = _first(values, lambda value: type(value) not in {*accepted, NoneType}) // per_row
        raise wrong(field.name, row, WORDS[field.family])
    return CONVERT[field.family](values, field, kinds, per_row)


def completed(columns: dict[str, Array], known: Sequence[Field], rows: int = 0) -> dict[str, Array]:
    """All columns, in the signature's order: an optional one that a request does not have is null in every row.

    One that can't be null stays away, as MLflow wants it. `rows` is asked where a request has none of the columns.
    """
    if len(columns) == len(known):
        return columns
    rows = len(next(iter(columns.values()), ())) or rows
    found = {}
    for field in known:
        if field.name in columns:
            found[field.name] = columns[field.name]
        elif field.nullable:
            found[field.name] = typed([None] * rows, field, refuse_null=False)
    return found


def flatten(value: Any) -> tuple[tuple[int, ...], list[Any]]:
    """(shape, values) of nested lists. Raises Refusal where lists of one level differ in length."""
    shape: list[int] = []
    level = [value]
    while level and (kinds := set(map(type, level))) >= {list}:
        lengths = set(map(len, level)) if len(kinds) == 1 else set()
        if len(lengths) != 1:
            raise Refusal(400, "the lists of a tensor differ in length or depth", reason="shape")
        shape.append(lengths.pop())
        level = list(itertools.chain.from_iterable(level))
    if not shape:
        raise malformed("a tensor must be a list")
    return tuple(shape), level


def _first(values: Sequence[Any], fails: Callable[[Any], bool]) -> int:
    return next(place for place, value in enumerate(values) if fails(value))


def _booleans(values: Sequence[Any], field: Field, kinds: set[type], per_row: int) -> Array:
    return _objects(values) if NoneType in kinds else np.array(values, dtype=bool)  # not false for null


def _integers(values: Sequence[Any], field: Field, kinds: set[type], per_row: int) -> Array:
    limits = np.iinfo(field.dtype)
    if float in kinds:
        fractional = [place for place, value in enumerate(values) if not _whole(value)]
        if fractional:
            raise wrong(field.name, fractional[0] // per_row, WORDS["integer"])
        values = list(map(int, values))
    low, high = min(values, default=0), max(values, default=0)
    if low < limits.min or high > limits.max:
        row = _first(values, lambda value: not limits.min <= value <= limits.max) // per_row
        raise wrong(field.name, row, f"is out of the range of {field.dtype}", reason="range")
    return np.array(values, dtype=field.dtype)


def _whole(value: float) -> bool:
    return type(value) is int or (value.is_integer() and abs(value) <= EXACT)


def _floats(values: Sequence[Any], field: Field, kinds: set[type], per_row: int) -> Array:
    wide = np.array(values, dtype=np.float64)  # None becomes NaN
    if field.dtype == np.float64:
        return wide
    with np.errstate(over="ignore"):
        narrow = wide.astype(field.dtype)
    over = np.isinf(narrow) & ~np.isinf(wide)
    if over.any():
        raise wrong(field.name, int(over.argmax()) // per_row, f"is out of the range of {field.dtype}", reason="range")
    return narrow


def _objects(values: Sequence[Any]) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _texts(values: Sequence[Any], field: Field, kinds: set[type], per_row: int) -> Array:
    return _objects(values) if field.dtype.kind == "O" else np.array(values, dtype=field.dtype.kind)


def _binaries(values: Sequence[Any], field: Field, kinds: set[type], per_row: int) -> Array:
    return _objects(_each(values, field, per_row, lambda value: base64.b64decode(value, validate=True)))


def _times(values: Sequence[Any], field: Field, kinds: set[type], per_row: int) -> Array:
    """Without a time zone, as MLflow asks; an offset is converted to UTC."""
    import pandas as pd

    def read(part: Any) -> Array:
        found = pd.to_datetime(part, format="ISO8601", utc=True).tz_localize(None)
        return found.to_numpy().astype("datetime64[ns]")  # type: ignore[no-any-return]

    try:
        return read(list(values))
    except (ValueError, OverflowError):
        _each(values, field, per_row, lambda value: read([value]))
        raise malformed(f"'{field.name}': {WORDS['datetime']}") from None


def _structures(values: Sequence[Any], field: Field, kinds: set[type], per_row: int) -> Array:
    return _objects(_each(values, field, per_row, lambda value: checked(value, field.structure)))


def _each(values: Sequence[Any], field: Field, per_row: int, convert: Callable[[Any], Any]) -> list[Any]:
    found = []
    for place, value in enumerate(values):
        try:
            found.append(None if value is None else convert(value))
        except (ValueError, TypeError, OverflowError, binascii.Error):
            raise wrong(field.name, place // per_row, WORDS[field.family]) from None
    return found


CONVERT: dict[str, Callable[[Sequence[Any], Field, set[type], int], Array]] = {
    "boolean": _booleans,
    "integer": _integers,
    "float": _floats,
    "string": _texts,
    "binary": _binaries,
    "datetime": _times,
    "structure": _structures,
}
