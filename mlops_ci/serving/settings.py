"""The server's settings: one JSON file, checked key by key before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from mlops_ci.errors import ConfigError, did_you_mean

Rule = tuple[tuple[type, ...], float | None, float | None, str]  # types, least, most, how it is said


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Micro-batching: requests that wait together are answered by one call of up to `max_rows` rows."""

    max_rows: int = 64
    max_wait_ms: float = 0.0  # how long the first request waits for company; 0 takes only what waits already


@dataclass(frozen=True, kw_only=True)
class Log:
    """Requests and predictions as Parquet windows in a folder."""

    folder: Path
    sample: float = 1.0  # share of the requests
    redact: tuple[str, ...] = ()  # input columns that are never written
    rotate_seconds: int = 3600
    rotate_rows: int = 100_000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set; the defaults suit a small tabular model."""

    version: str = ""  # `model_version` of the answers; empty: the digest's first twelve characters
    max_body_mb: float = 64.0
    refuse_nan: bool = False  # refuse nulls in columns of floats, texts and times too
    drain_seconds: float = 30.0
    drain_idle_seconds: float = 1.0  # how long a stopping server still reads from connections that are idle
    read_seconds: float = 60.0  # for one request's body to arrive
    threads: int = 1  # calls of the model at once; more than one only where the model allows it
    native_threads: int = 1  # of OpenMP and BLAS within one call; OMP_NUM_THREADS and its like come first
    max_waiting: int = 1000  # requests that may wait for the model; the next one gets 503
    formats: tuple[str, ...] | None = None  # None: every format
    skops_trusted: tuple[str, ...] = ()  # types that a skops file may hold besides those that skops itself trusts
    batch: Batch | None = None
    log: Log | None = None


TEXT: Rule = ((str,), None, None, "a text")
TEXTS: Rule = ((list,), None, None, "a list of texts")
FLAG: Rule = ((bool,), None, None, "true or false")
TABLE: Rule = ((dict,), None, None, "an object")


def _number(least: float, most: float | None = None) -> Rule:
    words = f"a number of at least {least:g}" + (f" and at most {most:g}" if most is not None else "")
    return (int, float), least, most, words


def _count(least: int) -> Rule:
    return (int,), least, None, f"a whole number of at least {least}"


RULES: Mapping[type, Mapping[str, Rule]] = {
    Settings: {
        "version": TEXT,
        "max_body_mb": _number(0.001),
        "refuse_nan": FLAG,
        "drain_seconds": _number(0),
        "drain_idle_seconds": _number(0),
        "read_seconds": _number(0.001),
        "threads": _count(1),
        "native_threads": _count(1),
        "max_waiting": _count(1),
        "formats": TEXTS,
        "skops_trusted": TEXTS,
        "batch": TABLE,
        "log": TABLE,
    },
    Batch: {"max_rows": _count(1), "max_wait_ms": _number(0)},
    Log: {
        "folder": TEXT,
        "sample": _number(0, 1),
        "redact": TEXTS,
        "rotate_seconds": _count(1),
        "rotate_rows": _count(1),
    },
}
PARTS: Mapping[str, type] = {"batch": Batch, "log": Log}


def read_settings(path: Path | None) -> Settings:
    """Raises ConfigError, naming the key, for a file that can't be read, an unknown key or a value out of range."""
    if path is None:
        return Settings()
    try:
        return parsed(path.read_bytes(), where=str(path))
    except OSError as error:
        raise ConfigError(f"could not read the settings: {error.strerror}", where=str(path)) from error


def parsed(content: bytes | str, *, where: str) -> Settings:
    """Settings from JSON. Raises ConfigError."""
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ConfigError(f"the settings are not JSON: {error}", where=where) from None
    settings: Settings = _record(Settings, document, "", where)
    return settings


def _record(kind: type, document: Any, prefix: str, where: str) -> Any:
    if not isinstance(document, dict):
        raise ConfigError(f"{prefix.rstrip('.') or 'the settings'} must be an object", where=where)
    rules = RULES[kind]
    for key in document:
        if key not in rules:
            hint = did_you_mean(key, rules, f"known keys: {', '.join(rules)}")
            raise ConfigError(f"the settings have no key '{prefix}{key}'", hint=hint, where=where)
    for known in fields(kind):
        if known.default is MISSING and known.default_factory is MISSING and known.name not in document:
            raise ConfigError(f"the setting '{prefix}{known.name}' is missing", where=where)
    given = {key: _value(key, value, rules[key], prefix, where) for key, value in document.items()}
    return kind(**{key: value for key, value in given.items() if value is not None})


def _value(key: str, value: Any, rule: Rule, prefix: str, where: str) -> Any:
    types, least, most, words = rule
    if value is None:
        return None
    fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
    fits = fits and (least is None or value >= least) and (most is None or value <= most)
    if not fits or (types == (list,) and not all(isinstance(item, str) for item in value)):
        raise ConfigError(f"the setting '{prefix}{key}' must be {words}", where=where)
    if key in PARTS:
        return _record(PARTS[key], value, f"{key}.", where)
    if types == (list,):
        return tuple(value)
    return Path(value) if key == "folder" else value
