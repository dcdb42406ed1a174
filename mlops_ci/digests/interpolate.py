"""DVC's templating: `${a.b[0].c}` from a context of plain values.

The rules are DVC's own (`dvc.parsing.interpolate`): a string that is one expression takes the value as it is;
inside a longer string booleans are lower case and only scalars may stand, except that a map in a command becomes
options (`--key value`); `\\${` is a literal `${`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

EXPRESSION = re.compile(r"(?<!\\)\$\{(.*?)\}")
WELL_FORMED = re.compile(r"[^.\[\]]+(?:\.[^.\[\]]+|\[[^.\[\]]+\])*")


class Unresolved(ValueError):
    """An expression names nothing, or something that cannot stand where it stands."""


def has_expression(value: Any) -> bool:
    """Whether any text below `value` holds an expression."""
    if isinstance(value, str):
        return bool(EXPRESSION.search(value))
    if isinstance(value, dict):
        return any(has_expression(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(has_expression(item) for item in value)


def resolve(
    value: Any, context: Mapping[str, Any], *, compound: bool = False, options: Mapping[str, str] | None = None
) -> Any:
    """Replace every expression in `value`, in keys of maps too. Raises Unresolved.

    `compound` lets an expression stand for a list or a map (as in foreach and matrix). `options` is given for a
    command: there maps become options, spelled as DVC's setting `parsing` says.
    """
    if isinstance(value, str):
        return _text(value, context, compound, options)
    if isinstance(value, list):
        return [resolve(item, context, compound=compound, options=options) for item in value]
    if isinstance(value, dict):
        return {
            resolve(key, context): resolve(item, context, compound=compound, options=options)
            for key, item in value.items()
        }
    return value


def lookup(expression: str, context: Mapping[str, Any]) -> Any:
    """The value of `a.b[0]`. Raises Unresolved with the part that was not found."""
    if not WELL_FORMED.fullmatch(expression):
        raise Unresolved(f"'${{{expression}}}' is not an expression; write ${{name}}, ${{a.b}} or ${{a[0]}}")
    value: Any = context
    for step in re.split(r"[.\[]", expression.replace("]", "")):
        step = step.strip()
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, ValueError, TypeError):
            raise Unresolved(f"'${{{expression.strip()}}}' is not defined: there is no '{step}'") from None
    return value


def _text(text: str, context: Mapping[str, Any], compound: bool, options: Mapping[str, str] | None) -> Any:
    whole = EXPRESSION.fullmatch(text)
    if whole and len(EXPRESSION.findall(text)) == 1:
        value = lookup(whole.group(1), context)
        if isinstance(value, list | dict) and not compound:
            raise Unresolved(f"'{text}' is a {_kind(value)}; only one value can stand here")
        return value
    return EXPRESSION.sub(lambda match: _inline(match.group(1), context, options), text).replace(r"\${", "${")


def _inline(expression: str, context: Mapping[str, Any], options: Mapping[str, str] | None) -> str:
    value = lookup(expression, context)
    if isinstance(value, dict) and options is not None:
        return _as_options(value, options)
    if isinstance(value, list | dict):
        raise Unresolved(f"'${{{expression}}}' is a {_kind(value)} inside a text; only one value can stand there")
    return spell(value)


def _kind(value: Any) -> str:
    return "map" if isinstance(value, dict) else "list"


def _as_options(values: Mapping[str, Any], options: Mapping[str, str]) -> str:
    """A map as command line options."""
    words: list[str] = []
    for name, value in _flat(values, ""):
        if isinstance(value, bool):
            words += [f"--{name}"] if value else []
            words += [f"--no-{name}"] if not value and options.get("bool") == "boolean_optional" else []
        elif isinstance(value, list):
            if any(isinstance(item, list | dict) for item in value):
                raise Unresolved(f"'{name}' is a list of lists, which cannot become options")
            items = [_word(item) for item in value]
            repeated = options.get("list") == "append"
            words += [f"--{name} {item}" for item in items] if repeated else [f"--{name}", *items] if items else []
        else:
            words.append(f"--{name} {_word(value)}")
    return " ".join(words)


def _word(value: Any) -> str:
    return shlex.quote(value) if isinstance(value, str) else str(value)


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif not isinstance(value, dict):
            yield f"{prefix}{key}", value


def spell(value: Any) -> str:
    """A scalar as DVC writes it into a command."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
