"""Suites in Great Expectations' own JSON: read, checked, and located line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.errors import ConfigError, did_you_mean
from mlops_ci.records.results import Severity

OLD_KEYS = ("expectation_suite_name", "data_asset_type", "ge_cloud_id")


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A suite's expectations, and the line of each in its file, which is called `file`."""

    name: str
    file: str
    expectations: tuple[dict[str, Any], ...]
    lines: tuple[int, ...]


def read_suite(path: Path, known: Collection[str] = (), *, name: str = "") -> Suite:
    """Read a suite; `known` are the expectation types there are. Raises ConfigError with file and line, the file as
    `name` has it."""
    file = name or path.name
    try:
        text = path.read_text("utf-8")
        document = json.loads(text)
    except FileNotFoundError:
        hint = "mlops-ci suggest-suite DATA writes a first one"
        raise ConfigError(f"there is no suite at {file}", hint=hint, docs="validation.md") from None
    except json.JSONDecodeError as error:
        raise _error(f"not JSON: {error.msg}", file, error.lineno) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _error(f"not readable: {error}", file, 0) from None
    if not isinstance(document, dict):
        raise _error("a suite is a map with 'name' and 'expectations'", file, 1)
    if any(key in document for key in OLD_KEYS) or '"expectation_type"' in text:
        hint = "rename expectation_type to type, and expectation_suite_name to name"
        raise _error("this suite has the format of Great Expectations 0.x", file, 1, hint)
    expectations = document.get("expectations")
    if not isinstance(expectations, list) or not expectations:
        raise _error("the suite expects nothing, so any data would pass", file, 1, "add at least one expectation")
    lines = tuple(text.count("\n", 0, match.start()) + 1 for match in re.finditer(r'"type"\s*:', text))
    lines = lines if len(lines) == len(expectations) else (1,) * len(expectations)
    for entry, line in zip(expectations, lines, strict=True):
        _check(entry, file, line, known)
    return Suite(name=str(document.get("name") or path.stem), file=file, expectations=tuple(expectations), lines=lines)


def severity_of(entry: dict[str, Any]) -> Severity:
    """GX's `critical` (and none) fails; `warning` and `info` warn."""
    return Severity.WARN if entry.get("severity") in ("warning", "info") else Severity.FAIL


def _check(entry: Any, file: str, line: int, known: Collection[str]) -> None:
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
        raise _error("each expectation is a map with 'type' and 'kwargs'", file, line)
    kind = entry["type"]
    if known and kind not in known:
        hint = did_you_mean(kind, known, "see greatexpectations.io/expectations for the list")
        raise _error(f"there is no expectation '{kind}'", file, line, hint)
    if not isinstance(entry.get("kwargs", {}), dict):
        raise _error(f"the 'kwargs' of '{kind}' must be a map", file, line)
    if entry.get("severity") not in (None, "critical", "warning", "info"):
        raise _error(f"'{kind}' has an unknown severity", file, line, "one of critical, warning, info")


def _error(message: str, file: str, line: int, hint: str = "") -> ConfigError:
    return ConfigError(message, where=f"{file}:{line}" if line else file, hint=hint, docs="validation.md#suites")
