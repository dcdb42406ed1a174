"""Schema violations in words: what has which wrong key or value, the nearest right one, and its meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mlops_ci.config import plainly
from mlops_ci.config.substitute import Substituted

KINDS = {
    "object": "a map",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}
SECTIONS = ("validate", "train", "evaluate", "overrides", "build", "environments", "drift", "retrain")
TOP = ("version", "tracking", "default_branch", "forge", "models", *SECTIONS)  # headings of the configuration page
LONGEST = 80


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong: `path` is dotted (`models.a.evaluate`), '' for the whole file."""

    path: str
    message: str
    hint: str = ""

    @property
    def docs(self) -> str:
        """The section of the configuration page that explains it."""
        parts = [part.partition("[")[0] for part in self.path.split(".")]
        section = parts[2] if parts[0] == "models" and parts[2:3] and parts[2] in SECTIONS else parts[0]
        return f"configuration.md#{section}" if section in TOP else "configuration.md"


@cache
def schema() -> dict[str, Any]:
    """The canonical schema."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_bytes())
    return loaded


def violations(document: Any, against: Mapping[str, Any] | None = None) -> list[Problem]:
    """Every way in which a document misses a schema; by default that of `mlops.yaml`."""
    wanted = schema() if against is None else against
    if plainly.valid(document, wanted):
        return []
    from jsonschema.validators import Draft202012Validator

    return [problem for error in Draft202012Validator(wanted).iter_errors(document) for problem in _problems(error)]


def shown(value: Any) -> str:
    """A value as messages may show it: what a variable brought is told by the variable's name, never by its text."""
    text = value.written if isinstance(value, Substituted) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, or ''."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name.lower(), list(known), 1, cutoff=0.6)), "")


def dotted(path: Iterable[str | int]) -> str:
    """`["models", "a", "gates", 0]` as `models.a.gates[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _problems(error: Any) -> Iterator[Problem]:
    path = dotted(error.absolute_path)
    place = path or "the file"
    names = "propertyNames" in error.absolute_schema_path
    describe = _bad_name if names else _KEYWORDS.get(str(error.validator))
    if describe is None:
        yield Problem(path=path, message=f"{place} is not valid: {error.validator} {error.validator_value}")
    else:
        yield from describe(error, path, place)


def _unknown_keys(error: Any, path: str, place: str) -> Iterator[Problem]:
    known: Mapping[str, Any] = error.schema.get("properties", {})
    for key in error.instance:
        if key in known:
            continue
        close = nearest(str(key), known)
        hint = f"did you mean '{close}'?  ({meaning(known[close])})" if close else f"known keys: {', '.join(known)}"
        yield Problem(path=f"{path}.{key}".lstrip("."), message=f"{place} has no key '{shown(key)}'", hint=hint)


def _missing_key(error: Any, path: str, place: str) -> Iterator[Problem]:
    """A key that is there under a wrong spelling is told of as such, once."""
    properties = error.schema.get("properties", {})
    misspelt = {nearest(str(key), properties) for key in error.instance if key not in properties}
    for key in error.validator_value:
        if key not in error.instance and key not in misspelt:
            hint = f"add '{key}:'  ({meaning(properties.get(key, {}))})"
            yield Problem(path=path, message=f"{place} lacks '{key}'", hint=hint)


def meaning(schema: Mapping[str, Any]) -> str:
    """The first sentence of a key's description, to stand in brackets."""
    first = str(schema.get("description", "")).split(". ")[0].rstrip(".")
    return first[:1].lower() + first[1:] if first[1:2].islower() else first


def _wrong_type(error: Any, path: str, place: str) -> Iterator[Problem]:
    wanted = KINDS.get(str(error.validator_value), str(error.validator_value))
    if error.instance is None:
        empty = {"object": "write '{}' for all defaults", "array": "write '[]' for none"}
        hint = empty.get(str(error.validator_value), "give it a value") + ", or remove the key"
        yield Problem(path=path, message=f"{place} must be {wanted}, but is empty", hint=hint)
        return
    found = KINDS.get(_kind(error.instance), type(error.instance).__name__)
    yield Problem(path=path, message=f"{place} must be {wanted}, but is {found}", hint=meaning(error.schema))


def _kind(value: Any) -> str:
    kinds = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"), (dict, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "")


def _not_listed(error: Any, path: str, place: str) -> Iterator[Problem]:
    allowed = [str(item) for item in error.validator_value if item != ""]
    close = nearest(str(error.instance), allowed)
    hint = (f"did you mean '{close}'?  " if close else "") + f"allowed: {', '.join(allowed)}"
    if isinstance(error.instance, str):  # anything else is told of as of the wrong type
        yield Problem(path=path, message=f"{place} must not be '{shown(error.instance)}'", hint=hint)


def _limit(words: str) -> Any:
    def describe(error: Any, path: str, place: str) -> Iterator[Problem]:
        yield Problem(
            path=path,
            message=f"{place} {words.format(error.validator_value)}",
            hint=meaning(error.schema),
        )

    return describe


def _bad_name(error: Any, path: str, place: str) -> Iterator[Problem]:
    name = str(error.instance)
    fitting = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63]
    hint = "names are lower-case letters, digits and '-', at most 63; they become file and registry names"
    close = f"did you mean '{fitting}'?  " if re.search(str(error.validator_value), fitting) else ""
    message = f"{place} has a name that is not allowed: '{shown(name)}'"
    yield Problem(path=f"{path}.{name}", message=message, hint=close + hint)


def _no_alternative(error: Any, path: str, place: str) -> Iterator[Problem]:
    if ".metrics[" in path:
        yield from _no_metric(error, path, place)
    else:
        yield Problem(
            path=path, message=f"{place} needs 'min', 'max' or 'against'", hint="e.g. {metric: roc_auc, min: 0.7}"
        )


def _no_metric(error: Any, path: str, place: str) -> Iterator[Problem]:
    if isinstance(error.instance, dict):
        for nested in error.context or []:
            if nested.schema_path and nested.schema_path[0] == 1:
                yield from _problems(nested)
        return
    names = error.validator_value[0]["enum"]
    close = nearest(str(error.instance), names)
    known = f"known: {', '.join(names)}; your own needs a map with 'name', 'function' and 'direction'"
    message = f"{place}: '{shown(error.instance)}' is not a known metric"
    yield Problem(path=path, message=message, hint=f"did you mean '{close}'?" if close else known)


_KEYWORDS: dict[str, Any] = {
    "additionalProperties": _unknown_keys,
    "required": _missing_key,
    "type": _wrong_type,
    "enum": _not_listed,
    "const": _limit("must be {}"),
    "minimum": _limit("must be at least {}"),
    "maximum": _limit("must be at most {}"),
    "exclusiveMinimum": _limit("must be more than {}"),
    "exclusiveMaximum": _limit("must be less than {}"),
    "minLength": _limit("must not be empty"),
    "minProperties": _limit("must not be empty"),
    "maxProperties": _limit("must hold at most {} entries"),
    "pattern": _limit("does not have the form it needs"),
    "anyOf": _no_alternative,
    "oneOf": _no_alternative,
}
