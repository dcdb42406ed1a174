"""MLflow's array, object and map types: a JSON value checked against them."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any


def checked(value: Any, kind: Any) -> Any:
    """The value, with times and binaries converted. Raises ValueError where it does not fit."""
    name = type(kind).__name__
    if name == "DataType":
        return _scalar(value, kind.name)
    if name == "AnyType":
        return value
    if name == "Array" and type(value) is list:
        return [checked(item, kind.dtype) for item in value]
    if name == "Map" and type(value) is dict:
        return {key: checked(item, kind.value_type) for key, item in value.items()}
    if name == "Object" and type(value) is dict:
        return _object(value, {known.name: known for known in kind.properties})
    raise ValueError(name)


def _object(value: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """As for columns: what is required must be there, what is not known is dropped."""
    if any(known.required and value.get(name) is None for name, known in properties.items()):
        raise ValueError("a property is missing")
    return {
        name: item if item is None else checked(item, properties[name].dtype)
        for name, item in value.items()
        if name in properties
    }


def _scalar(value: Any, kind: str) -> Any:
    if kind in ("float", "double") and type(value) in (int, float):
        return float(value)
    if kind in ("integer", "long") and type(value) is int:
        return value
    if kind == "boolean" and type(value) is bool:
        return value
    if kind == "string" and type(value) is str:
        return value
    if kind == "binary" and type(value) is str:
        return base64.b64decode(value, validate=True)
    if kind == "datetime" and type(value) is str:
        return datetime.fromisoformat(value[:-1] + "+00:00" if value.endswith("Z") else value)  # Python 3.10 knows no Z
    raise ValueError(kind)
