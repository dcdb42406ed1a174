"""Schema violations in words: what has which wrong key or value, the nearest right one, and its meaning."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

KINDS = {
    "object": "a map",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}
SECTIONS = ("validate", "train", "evaluate", "overrides", "build", "environments", "drift", "retrain", "tracking")


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
        section = next((part for part in reversed(parts) if part in SECTIONS), "models" if "models" in parts else "")
        return f"configuration.md#{section}" if section else "configuration.md"


@cache
def schema() -> dict[str, Any]:
    """The canonical schema."""
    text = resources.files("mlops_ci.config").joinpath("schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def violations(document: Any) -> list[Problem]:
    """Every way in which a document misses the schema, in the order of the document."""
    from jsonschema.validators import Draft202012Validator

    errors = sorted(Draft202012Validator(schema()).iter_errors(document), key=lambda error: list(map(str, error.path)))
    return [problem for error in errors for problem in _problems(error)]


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
        close = difflib.get_close_matches(str(key), known, 1, cutoff=0.5)
        meaning = known[close[0]].get("description", "").rstrip(".") if close else ""
        hint = f"did you mean '{close[0]}'?  ({meaning})" if close else f"known keys: {', '.join(known)}"
        yield Problem(path=f"{path}.{key}".lstrip("."), message=f"{place} has no key '{key}'", hint=hint)


def _missing_key(error: Any, path: str, place: str) -> Iterator[Problem]:
    properties = error.schema.get("properties", {})
    for key in error.validator_value:
        if key not in error.instance:
            meaning = properties.get(key, {}).get("description", "")
            yield Problem(path=path, message=f"{place} lacks '{key}'", hint=f"add '{key}:'  ({meaning.rstrip('.')})")


def _wrong_type(error: Any, path: str, place: str) -> Iterator[Problem]:
    wanted = KINDS.get(str(error.validator_value), str(error.validator_value))
    found = "nothing" if error.instance is None else KINDS.get(_kind(error.instance), type(error.instance).__name__)
    meaning = str(error.schema.get("description", ""))
    yield Problem(path=path, message=f"{place} must be {wanted}, but is {found}", hint=meaning)


def _kind(value: Any) -> str:
    kinds = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"), (dict, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "")


def _not_listed(error: Any, path: str, place: str) -> Iterator[Problem]:
    allowed = [str(item) for item in error.validator_value if item != ""]
    close = difflib.get_close_matches(str(error.instance), allowed, 1)
    hint = (f"did you mean '{close[0]}'?  " if close else "") + f"allowed: {', '.join(allowed)}"
    yield Problem(path=path, message=f"{place} has a value that is not allowed", hint=hint)


def _limit(words: str) -> Any:
    def describe(error: Any, path: str, place: str) -> Iterator[Problem]:
        yield Problem(
            path=path,
            message=f"{place} {words.format(error.validator_value)}",
            hint=str(error.schema.get("description", "")),
        )

    return describe


def _bad_name(error: Any, path: str, place: str) -> Iterator[Problem]:
    yield Problem(
        path=f"{path}.{error.instance}",
        message=f"{place} has a name that is not allowed: {str(error.instance)[:80]!r}",
        hint="names are lower-case letters, digits and '-', at most 63; they become file and registry names",
    )


def _no_alternative(error: Any, path: str, place: str) -> Iterator[Problem]:
    if ".metrics[" in path:
        yield from _no_metric(error, path, place)
    else:
        yield Problem(
            path=path, message=f"{place} needs 'min', 'max' or 'against'", hint="e.g. {metric: roc_auc, min: 0.7}"
        )


def _no_metric(error: Any, path: str, place: str) -> Iterator[Problem]:
    if isinstance(error.instance, dict):
        deeper = [nested for nested in error.context or [] if nested.schema_path and nested.schema_path[0] == 1]
        for nested in deeper:
            yield from _problems(nested)
        return
    names = error.validator_value[0]["enum"]
    close = difflib.get_close_matches(str(error.instance), names, 1, cutoff=0.5)
    hint = (
        f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}; your own needs a map with 'function'"
    )
    yield Problem(path=path, message=f"{place} is not a known metric", hint=hint)


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
