"""Read `mlops.yaml`: YAML, variables, schema, sense, types; and every problem of a file told at once."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mlops_ci import yaml12
from mlops_ci.config.checks import semantic
from mlops_ci.config.problems import Problem, violations
from mlops_ci.config.substitute import substitute
from mlops_ci.config.types import Config, Environment, Evaluate, MetricSpec, Model, Tracking
from mlops_ci.errors import ConfigError

Built = TypeVar("Built")


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read the config at `path`. Raises ConfigError with file, line and the fix."""
    try:
        with open(path, "rb") as file:
            content = file.read(yaml12.MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no {path}",
            hint="run in the folder that holds it, or name it with --config; see the example in the docs",
            docs="getting-started.md",
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} is not readable: {error.strerror}") from None
    return load_bytes(content, path=path, root=path.resolve().parent, environ=environ)


def load_bytes(content: bytes, *, path: Path, root: Path, environ: Mapping[str, str]) -> Config:
    """Read a config from bytes; `path` is for messages, `root` the folder its paths count from."""
    try:
        document = yaml12.load(content, dates=False)
    except yaml12.YamlError as error:
        raise ConfigError(error.message, where=f"{path.name}:{error.line}" if error.line else path.name) from None
    if not isinstance(document.value, dict):
        found = "empty" if document.value is None else "not a map"
        raise ConfigError(f"the file is {found}", where=path.name, hint="it begins with 'version: 1' and 'models:'")
    unset: list[Problem] = []
    value = substitute(document.value, environ, lambda place, name: unset.append(_unset(place, name)))
    if problems := unset or violations(value) or semantic(value):
        raise _error(problems, path, document.lines)
    return _config(value, path=path, root=root, lines=document.lines)


def _unset(place: str, name: str) -> Problem:
    return Problem(
        path=place,
        message=f"{place} uses the variable '{name}', which is not set",
        hint=f"export {name}=…, or give a default: ${{{name}:-…}}",
    )


def _error(problems: Sequence[Problem], path: Path, lines: Mapping[str, int]) -> ConfigError:
    """The first problem as the error; the others below it."""
    config = Config(path=path, root=path.parent, models={}, lines=lines)
    first, *others = problems
    more = [f"{config.where(item.path)}: {item.message}" + (f"\n  {item.hint}" if item.hint else "") for item in others]
    hint = "\n".join([part for part in [first.hint] if part] + [f"and {text}" for text in more[:20]])
    if len(more) > 20:
        hint += f"\nand {len(more) - 20} more"
    return ConfigError(first.message, where=config.where(first.path), hint=hint, docs=first.docs)


def _config(value: dict[str, Any], *, path: Path, root: Path, lines: Mapping[str, int]) -> Config:
    return Config(
        path=path,
        root=root,
        models={name: _model(name, entry or {}, root) for name, entry in value["models"].items()},
        tracking=_build(Tracking, value.get("tracking", {})),
        default_branch=value.get("default_branch", ""),
        lines=lines,
    )


def _model(name: str, entry: dict[str, Any], root: Path) -> Model:
    rest = {key: item for key, item in entry.items() if key not in ("environments", "evaluate")}
    environments = tuple(_environment(key, item or {}) for key, item in entry.get("environments", {}).items())
    evaluate = _evaluate(entry["evaluate"]) if "evaluate" in entry else None
    built = _build(Model, {"name": name, "root": root, **rest})
    return dataclasses.replace(built, environments=environments, evaluate=evaluate)


def _environment(name: str, entry: dict[str, Any]) -> Environment:
    options = {key: item for key, item in entry.items() if key not in ("target", "namespace")}
    own = {key: item for key, item in entry.items() if key in ("target", "namespace")}
    return Environment(name=name, options=options, **own)


def _evaluate(entry: dict[str, Any]) -> Evaluate:
    metrics = [{"name": item} if isinstance(item, str) else item for item in entry.get("metrics", [])]
    return dataclasses.replace(
        _build(Evaluate, {key: item for key, item in entry.items() if key != "metrics"}),
        metrics=tuple(_build(MetricSpec, item) for item in metrics),
    )


def _build(kind: type[Built], entry: Mapping[str, Any]) -> Built:
    """A dataclass from a validated map; what the map leaves out keeps the dataclass's default."""
    hints = typing.get_type_hints(kind)
    return kind(**{key: _value(hints[key], item) for key, item in entry.items()})


def _value(hint: Any, item: Any) -> Any:
    record = next((option for option in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(option)), None)
    if typing.get_origin(hint) is tuple:
        return tuple(_build(typing.cast(type, record), part) if record else part for part in item)
    if record is not None and isinstance(item, dict):
        return _build(typing.cast(type, record), item)
    wants_float = hint is float or hint == float | None
    return float(item) if wants_float and item is not None else item
