"""Records to JSON and back, strictly: a document that does not fit its record is refused by path.

The dataclasses are the schema. `decode` accepts exactly what `encode` writes: every field present, no field
more, no wrong type. Floats that are not finite are written as null, since JSON has no word for them.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union

Record = TypeVar("Record")
Json = Any


class CodecError(ValueError):
    """A document does not fit its record; the message starts with the path of the misfit."""


def encode(value: Any) -> Json:
    """Turn records, enums, tuples and mappings into what `json.dumps` takes."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def decode(kind: type[Record], document: Json, path: str = "$") -> Record:
    """Build a record of type `kind`. Raises CodecError naming the path of the first misfit."""
    return typing.cast(Record, _decode(kind, document, path))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decode(kind: Any, document: Json, path: str) -> Any:
    if kind is Any or kind is object:
        return document
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(kind, document, path)
    if origin is tuple:
        _expect(document, list, path)
        (item,) = (arg for arg in typing.get_args(kind) if arg is not Ellipsis)
        return tuple(_decode(item, value, f"{path}[{index}]") for index, value in enumerate(document))
    if origin is not None and issubclass(origin, Mapping):
        _expect(document, dict, path)
        return {key: _decode(typing.get_args(kind)[1], value, f"{path}.{key}") for key, value in document.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_record(typing.cast(type, kind), document, path)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _decode_enum(kind, document, path)
    return _decode_scalar(kind, document, path)


def _decode_record(kind: type, document: Json, path: str) -> Any:
    _expect(document, dict, path)
    fields = {field.name for field in dataclasses.fields(kind)}
    if unknown := sorted(document.keys() - fields):
        raise CodecError(f"{path}: unknown field {unknown[0]!r}")
    if missing := sorted(fields - document.keys()):
        raise CodecError(f"{path}: field {missing[0]!r} is missing")
    hints = _hints(kind)
    return kind(**{name: _decode(hints[name], value, f"{path}.{name}") for name, value in document.items()})


def _decode_union(kind: Any, document: Json, path: str) -> Any:
    failure = CodecError(f"{path}: fits no alternative")
    for option in typing.get_args(kind):
        if option is type(None):
            if document is None:
                return None
            continue
        try:
            return _decode(option, document, path)
        except CodecError as error:
            failure = error
    raise failure


def _decode_enum(kind: type[Enum], document: Json, path: str) -> Enum:
    try:
        return kind(document)
    except ValueError:
        raise CodecError(f"{path}: {document!r} is not one of {[item.value for item in kind]}") from None


def _decode_scalar(kind: type, document: Json, path: str) -> Any:
    if kind is float and isinstance(document, int) and not isinstance(document, bool):
        return float(document)
    if kind is int and isinstance(document, bool):
        raise CodecError(f"{path}: expected int, found bool")
    _expect(document, kind, path)
    if isinstance(document, float) and not math.isfinite(document):
        raise CodecError(f"{path}: {document} is no number that JSON has")
    return document


def _expect(document: Json, kind: type, path: str) -> None:
    if not isinstance(document, kind):
        raise CodecError(f"{path}: expected {kind.__name__}, found {type(document).__name__}")
