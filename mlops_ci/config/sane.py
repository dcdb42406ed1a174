"""What no value may be, whatever its key: a number that is none, text that holds control characters, a key not text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mlops_ci.config.problems import Problem

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
LINES = re.compile(r"[\n\r\t]")
PROSE = ("query", "reason", "refresh")  # may run over several lines
LARGEST = 1e300


def nameable(text: str) -> bool:
    """Whether a config may hold a text as it is."""
    return not CONTROL.search(text)


def insane(value: Any, path: str = "") -> Iterator[Problem]:
    """Problems of any document, before the schema is asked."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _key(key, path, _word(key))
            yield from insane(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from insane(item, f"{path}[{index}]")
    elif isinstance(value, str):
        text = LINES.sub("", value) if path.rpartition(".")[2] in PROSE else value
        if CONTROL.search(text):
            yield Problem(path=path, message=f"{path} holds a control character", hint="a line break counts as one")
    elif not isinstance(value, bool) and isinstance(value, int | float) and not abs(value) < LARGEST:
        yield Problem(path=path, message=f"{path} must be a finite number", hint="")


def _key(key: Any, path: str, word: str) -> Iterator[Problem]:
    place = path or "the file"
    if not isinstance(key, str):
        hint = f"YAML reads {word} as a value; as a name it needs quotes: '{word}'"
        at = f"{path}.{word}" if path else word
        yield Problem(path=at, message=f"{place} has a key that is not text: {word}", hint=hint)
    elif CONTROL.search(key):
        yield Problem(path=path, message=f"{place} has a key with a control character: {key!r:.80}", hint="")


def _word(key: Any) -> str:
    """A key as the file writes it."""
    return {"None": "null", "True": "true", "False": "false"}.get(str(key), str(key))
