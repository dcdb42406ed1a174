"""`${VAR}` and `${VAR:-default}` in values, never in keys; `$${` stands for a literal `${`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mlops_ci import yaml12

VARIABLE = re.compile(r"\$(?P<escape>\$\{)|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
PLAIN = {"number": (int, float), "integer": (int,), "boolean": (bool,)}

Refuse = Callable[[str, str, str], None]


class Substituted(str):
    """Text that holds a variable's value, which may be a secret; `written` is what the file says in its place."""

    written: str

    @classmethod
    def of(cls, text: str, written: str) -> Substituted:
        made = cls(text)
        made.written = written
        return made


def substitute(value: Any, environ: Mapping[str, str], refuse: Refuse, path: str = "") -> Any:
    """Replace variables in every text below `value`; `refuse(path, message, hint)` is told of each that cannot be."""
    if isinstance(value, dict):
        return {
            key: substitute(item, environ, refuse, f"{path}.{key}" if path else str(key)) for key, item in value.items()
        }
    if isinstance(value, list):
        return [substitute(item, environ, refuse, f"{path}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    text = VARIABLE.sub(lambda match: _replaced(match, environ, lambda *why: refuse(path, *why)), value)
    return Substituted.of(text, value)


def _replaced(match: re.Match[str], environ: Mapping[str, str], refuse: Callable[[str, str], None]) -> str:
    if match["escape"]:
        return "${"
    if not match["end"]:
        refuse("has a '${' that is not closed", "write '${NAME}', or '$${' for a literal '${'")
        return ""
    inside = INSIDE.fullmatch(match["inside"])
    if inside is None:
        hint = "a name is letters, digits and '_'; '$${' stands for a literal '${'"
        refuse(f"uses '{match[0]}', which names no variable", hint)
        return ""
    name, default = inside["name"], inside["default"]
    if default is not None and "${" in default:
        refuse(f"has a variable within the default of '{name}'", "variables do not nest; set one of them before")
        return ""
    if not environ.get(name) and default is None:
        state = "empty" if name in environ else "not set"
        refuse(f"uses the variable '{name}', which is {state}", f"export {name}=…, or give a default: ${{{name}:-…}}")
    return environ.get(name) or default or ""


def typed(value: Any, schema: Mapping[str, Any]) -> Any:
    """Variables are text; where the schema wants a number or a truth value, their text is read as one."""
    if isinstance(value, dict):
        known, rest = schema.get("properties", {}), schema.get("additionalProperties")
        below = rest if isinstance(rest, dict) else {}
        return {key: typed(item, known.get(key, below)) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item, schema.get("items", {})) for item in value]
    wanted = PLAIN.get(str(schema.get("type")))
    if wanted is None or not isinstance(value, Substituted):
        return value
    try:
        read = yaml12.load(value.encode()).value
    except yaml12.YamlError:
        return value
    return read if type(read) in wanted else value
