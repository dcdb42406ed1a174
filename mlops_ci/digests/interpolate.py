"""DVC's templating: `${a.b[0].c}` from a context of plain values.

The rules are DVC's own (dvc.parsing.interpolate): a string that is one expression takes the value as it is;
inside a longer string, booleans are lower case and only scalars may stand; `\\${` is a literal `${`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

EXPRESSION = re.compile(r"(?<!\\)\$\{\s*([^{}]*?)\s*\}")
STEP = re.compile(r"([^.\[\]]+)|\[(-?\d+|[^\]]+)\]")


class Unresolved(ValueError):
    """An expression names nothing, or something that cannot stand where it stands."""


def resolve(value: Any, context: Mapping[str, Any]) -> Any:
    """Replace every expression in `value`, maps and lists included; keys of maps too. Raises Unresolved."""
    if isinstance(value, str):
        return _text(value, context)
    if isinstance(value, list):
        return [resolve(item, context) for item in value]
    if isinstance(value, dict):
        return {resolve(key, context): resolve(item, context) for key, item in value.items()}
    return value


def lookup(expression: str, context: Mapping[str, Any]) -> Any:
    """The value of `a.b[0]`. Raises Unresolved with the part that was not found."""
    value: Any = context
    for match in STEP.finditer(expression):
        step = match.group(1) or match.group(2)
        try:
            value = value[int(step)] if isinstance(value, list) else value[_key(step, value)]
        except (KeyError, IndexError, ValueError, TypeError):
            raise Unresolved(f"'${{{expression}}}' is not defined: there is no '{step}'") from None
    return value


def _key(step: str, value: Any) -> Any:
    """Keys that YAML read as numbers are still asked for as text."""
    if isinstance(value, Mapping) and step not in value:
        return next((key for key in value if str(key) == step), step)
    return step


def _text(text: str, context: Mapping[str, Any]) -> Any:
    whole = EXPRESSION.fullmatch(text)
    if whole:
        return lookup(whole.group(1), context)
    return EXPRESSION.sub(lambda match: _inline(match.group(1), context), text).replace(r"\${", "${")


def _inline(expression: str, context: Mapping[str, Any]) -> str:
    value = lookup(expression, context)
    if isinstance(value, dict | list):
        raise Unresolved(f"'${{{expression}}}' is a {type(value).__name__} inside a text")
    return spell(value)


def spell(value: Any) -> str:
    """A scalar as DVC writes it into a command."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
