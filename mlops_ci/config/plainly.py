"""Whether a document plainly fits the schema: jsonschema's yes at a fortieth of its start-up time.

Importing jsonschema takes longer than all else that `mlops-ci check` does. A document that this walk accepts is
valid; on any doubt, an unknown keyword among them, it says no, and jsonschema decides and explains. A test holds
the two together: nothing is accepted here that jsonschema refuses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]

TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict) and all(isinstance(key, str) for key in value),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) is int or (type(value) is float and math.isfinite(value)),
}
NOTES = {"$schema", "title", "description", "default", "examples"}


def valid(value: Any, schema: Schema) -> bool:
    """True only where `value` surely fits `schema`. Every schema asked must state its `type`, `const` or `anyOf`."""
    if not {"type", "const", "anyOf"} & schema.keys():
        return False
    return all(key in NOTES or (key in KEYWORDS and KEYWORDS[key](value, schema)) for key in schema)


def _properties(value: Any, schema: Schema) -> bool:
    known, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
    for key, item in value.items():
        below = known.get(key, rest)
        if not isinstance(below, Mapping) or not valid(item, below):
            return False
    return True


def _any(value: Any, schema: Schema) -> bool:
    """Alternatives are schemas of their own, or no more than keys of which one is required."""
    return any(
        all(key in value for key in option["required"]) if option.keys() == {"required"} else valid(value, option)
        for option in schema["anyOf"]
    )


# `type` stands first in every schema (test), so each of these sees a value of its type.
KEYWORDS: dict[str, Callable[[Any, Schema], bool]] = {
    "type": lambda value, schema: schema["type"] in TYPES and TYPES[schema["type"]](value),
    "const": lambda value, schema: type(value) is type(schema["const"]) and value == schema["const"],
    "enum": lambda value, schema: isinstance(value, str) and value in schema["enum"],
    "properties": _properties,
    "additionalProperties": _properties,
    "required": lambda value, schema: all(key in value for key in schema["required"]),
    "propertyNames": lambda value, schema: (
        schema["propertyNames"].keys() == {"pattern"} and all(_matches(key, schema["propertyNames"]) for key in value)
    ),
    "minProperties": lambda value, schema: len(value) >= schema["minProperties"],
    "maxProperties": lambda value, schema: len(value) <= schema["maxProperties"],
    "items": lambda value, schema: all(valid(item, schema["items"]) for item in value),
    "minItems": lambda value, schema: len(value) >= schema["minItems"],
    "minLength": lambda value, schema: len(value) >= schema["minLength"],
    "pattern": lambda value, schema: _matches(value, schema),
    "minimum": lambda value, schema: bool(value >= schema["minimum"]),
    "maximum": lambda value, schema: bool(value <= schema["maximum"]),
    "exclusiveMinimum": lambda value, schema: bool(value > schema["exclusiveMinimum"]),
    "exclusiveMaximum": lambda value, schema: bool(value < schema["exclusiveMaximum"]),
    "anyOf": _any,
}


def _matches(value: str, schema: Schema) -> bool:
    return re.search(schema["pattern"], value) is not None
