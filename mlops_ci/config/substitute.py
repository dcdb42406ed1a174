"""`${VAR}` and `${VAR:-default}` in values, never in keys; `$${` stands for a literal `${`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

VARIABLE = re.compile(r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{([^}]*)\}?")


def substitute(value: Any, environ: Mapping[str, str], missing: Callable[[str, str], None], path: str = "") -> Any:
    """Replace variables in every text below `value`; `missing(path, name)` is told of each that is not set.

    A name that is no name (`${a-b}`) counts as missing under that spelling.
    """
    if isinstance(value, dict):
        return {
            key: substitute(item, environ, missing, f"{path}.{key}" if path else str(key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [substitute(item, environ, missing, f"{path}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replaced(match: re.Match[str]) -> str:
        escaped, name, default, malformed = match.groups()
        if escaped:
            return "${"
        if name is None:
            missing(path, malformed)
            return ""
        if found := environ.get(name):
            return found
        if default is None:
            missing(path, name)
        return default or ""

    return VARIABLE.sub(replaced, value)
