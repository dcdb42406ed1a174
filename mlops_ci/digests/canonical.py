"""One text for one value, whatever the order of its keys: what digests are taken of."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """JSON with sorted keys; what JSON has no word for is spelled with its type, so that it never equals a text."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def digest_of(value: Any) -> str:
    """sha256 of the canonical text, lower-case hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key if isinstance(key, str) else f"\0{canonical(key)}": _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return {"\0set": sorted(canonical(item) for item in value)}
    if value is None or isinstance(value, str | int | float):
        return value
    return {f"\0{type(value).__name__}": str(value)}
