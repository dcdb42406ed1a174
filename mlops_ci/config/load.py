"""Read `mlops.yaml`: YAML, variables, schema, sense, types; and every problem of a file told at once."""

from __future__ import annotations

import dataclasses
import re
import stat
import typing
from collections.abc import Collection, Hashable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from mlops_ci import yaml12
from mlops_ci.config import plainly
from mlops_ci.config.checks import semantic
from mlops_ci.config.problems import Problem, schema, violations
from mlops_ci.config.sane import insane
from mlops_ci.config.substitute import substitute, typed
from mlops_ci.config.types import Config, Environment, Evaluate, MetricSpec, Model, Tracking
from mlops_ci.errors import ConfigError

Built = TypeVar("Built")
EXAMPLE = "configuration.md#a-complete-example"


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read the config at `path`. Raises ConfigError with file, line and the fix."""
    root = path.resolve().parent
    try:
        return load_bytes(_content(path), path=path, root=root, environ=environ)
    except ConfigError as error:
        error.root = str(root)
        raise


def _content(path: Path) -> bytes:
    """The file's bytes, no more than the limit and one. A pipe or device is refused: it may never end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "no regular file"
            raise ConfigError(f"{path} is {kind}", hint="name the file itself with --config", docs=EXAMPLE)
        with open(path, "rb") as file:
            return file.read(yaml12.MAX_BYTES + 1)
    except FileNotFoundError:
        if path.is_symlink():
            raise ConfigError(f"{path} is a link to nothing", hint="mend the link or replace it by a file") from None
        hint = "run where it lies, name it with --config, or let 'mlops-ci init' write one"
        raise ConfigError(f"there is no {path}", hint=hint, docs=EXAMPLE) from None
    except OSError as error:
        raise ConfigError(f"{path} is not readable: {error.strerror}") from None


def load_bytes(content: bytes, *, path: Path, root: Path, environ: Mapping[str, str]) -> Config:
    """Read a config from bytes; `path` is for messages, `root` the folder its paths count from."""
    try:
        document = yaml12.load(content, dates=False)
    except yaml12.YamlError as error:
        raise _unreadable(error, content, path) from None
    if not isinstance(document.value, dict):
        found = "empty" if document.value is None else "not a map"
        hint = "it begins with 'version: 1' and 'models:'"
        raise ConfigError(f"the file is {found}", where=path.name, hint=hint, docs=EXAMPLE)
    unset: list[Problem] = []
    value = substitute(document.value, environ, lambda at, *why: unset.append(_unset(at, *why)))
    value = typed(value, schema())
    if problems := [*unset, *_problems(value, {item.path for item in unset})]:
        raise _error(problems, path, document.lines)
    return _config(_plain(value), path=path, root=root, lines=document.lines)


def _unreadable(error: yaml12.YamlError, content: bytes, path: Path) -> ConfigError:
    lines = content.splitlines()
    bare = 0 < error.line <= len(lines) and re.search(rb"[{,\[].*[:,\[]\s*\$\{", lines[error.line - 1])
    hint = "within '{ }' and '[ ]' a value with '${' needs quotes, e.g. \"${NAME}\"" if bare else ""
    return ConfigError(error.message, where=f"{path.name}:{error.line}" if error.line else path.name, hint=hint)


def _unset(place: str, message: str, hint: str) -> Problem:
    return Problem(path=place, message=f"{place} {message}", hint=hint)


def _problems(value: dict[str, Any], unset: Collection[str]) -> list[Problem]:
    """What is wrong with a document whose variables are in place; of values that lack theirs enough was said.

    Models that fit the schema are checked for sense even where others do not.
    """
    found = list(insane(value)) or violations(value)
    found = [item for item in found if item.path not in unset]
    if not found and not unset:
        return semantic(value["models"])
    models = value.get("models")
    sound = {name: model for name, model in models.items() if _sound(name, model)} if isinstance(models, dict) else {}
    return [*found, *(item for item in semantic(sound) if item.path not in unset)]


def _sound(name: Any, model: Any) -> bool:
    return plainly.valid({name: model}, schema()["properties"]["models"])


def _error(problems: Sequence[Problem], path: Path, lines: Mapping[str, int]) -> ConfigError:
    """The first problem of the file as the error; the others below it, in the order of their lines."""
    config = Config(path=path, root=path.parent, models={}, lines=lines)
    first, *others = sorted(problems, key=lambda item: config.line(item.path))
    more = [f"{config.where(item.path)}: {item.message}" + (f"\n  {item.hint}" if item.hint else "") for item in others]
    hint = "\n".join([part for part in [first.hint] if part] + [f"and {text}" for text in more[:20]])
    if len(more) > 20:
        hint += f"\nand {len(more) - 20} more"
    return ConfigError(first.message, where=config.where(first.path), hint=hint, docs=first.docs)


def _config(value: dict[str, Any], *, path: Path, root: Path, lines: Mapping[str, int]) -> Config:
    return Config(
        path=path,
        root=root,
        models={name: _model(name, entry, root) for name, entry in value["models"].items()},
        tracking=_build(Tracking, value.get("tracking", {})),
        default_branch=value.get("default_branch", ""),
        forge=value.get("forge", "auto"),
        lines=lines,
    )


def _model(name: str, entry: dict[str, Any], root: Path) -> Model:
    rest = {key: item for key, item in entry.items() if key not in ("environments", "evaluate")}
    environments = tuple(_environment(key, item) for key, item in entry.get("environments", {}).items())
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
    hints = _hints(typing.cast(Hashable, kind))
    return kind(**{key: _value(hints[key], item) for key, item in entry.items()})


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(typing.cast(type, kind))


def _value(hint: Any, item: Any) -> Any:
    record = next((option for option in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(option)), None)
    if typing.get_origin(hint) is tuple:
        return tuple(_build(typing.cast(type, record), part) if record else part for part in item)
    if record is not None and isinstance(item, dict):
        return _build(typing.cast(type, record), item)
    wants_float = hint is float or hint == float | None
    return float(item) if wants_float and item is not None else item


def _plain(item: Any) -> Any:
    """The document with plain text for text that came from variables, now that nothing can go wrong with it."""
    if isinstance(item, dict):
        return {key: _plain(part) for key, part in item.items()}
    if isinstance(item, list):
        return [_plain(part) for part in item]
    return str(item) if isinstance(item, str) else item
