"""`dvc.yaml` resolved: foreach and matrix unrolled, templates replaced, parameters looked up."""

from __future__ import annotations

import difflib
import itertools
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.digests import parameters
from mlops_ci.digests.interpolate import Unresolved, lookup, resolve, spell
from mlops_ci.digests.tree import Tree
from mlops_ci.errors import PipelineError
from mlops_ci.yaml12 import Document, YamlError, load

DEFAULT_PARAMS = "params.yaml"
OUTPUT_KINDS = ("outs", "metrics", "plots")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One resolved stage. `file` is its dvc.yaml; deps, outs and parameter files are paths from the root.

    `params` maps a parameter file to its values by key (`a.b`); a file tracked whole has the key ''.
    """

    name: str
    file: str
    line: int
    cmd: tuple[str, ...]
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    frozen: bool = False
    always_changed: bool = False

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


def read_stages(tree: Tree, file: str) -> dict[str, Stage]:
    """Every stage of one dvc.yaml by name (`train`, `train@a`). Raises PipelineError naming file, line and stage."""
    return _File(tree, file).stages()


class _File:
    """One dvc.yaml being resolved."""

    def __init__(self, tree: Tree, file: str) -> None:
        self.tree = tree
        self.file = file
        self.folder = posixpath.dirname(file)
        self.document = self._load()
        self.context = self._global_context()

    def _load(self) -> Document:
        try:
            document = load(self.tree.read(self.file))
        except KeyError:
            raise PipelineError(
                "there is no such pipeline file",
                where=self.file,
                hint="write a dvc.yaml with the stage that trains the model, or name the file in train.pipeline",
            ) from None
        except YamlError as error:
            raise PipelineError(error.message, where=f"{self.file}:{error.line}" if error.line else self.file) from None
        if not isinstance(document.value, dict):
            raise PipelineError("a dvc.yaml must be a map with 'stages:'", where=self.file)
        if not isinstance(document.value.get("stages") or {}, dict):
            raise self._error("'stages' must be a map of names to stages", "stages")
        return document

    def _error(self, message: str, path: str, hint: str = "") -> PipelineError:
        line = self.document.lines.get(path, 0)
        return PipelineError(message, where=f"{self.file}:{line}" if line else self.file, hint=hint)

    def stages(self) -> dict[str, Stage]:
        found: dict[str, Stage] = {}
        for name, body in (self.document.value.get("stages") or {}).items():
            path = f"stages.{name}"
            if not isinstance(body, dict):
                raise self._error(f"stage '{name}' must be a map", path)
            try:
                for full, part, context in self._unroll(str(name), body):
                    found[full] = self._stage(full, part, context, path)
            except Unresolved as error:
                raise self._error(f"stage '{name}': {error}", path, "define it in params.yaml or under vars:") from None
        return found

    def _unroll(self, name: str, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """(full name, body, context) of each stage that one entry stands for."""
        if "foreach" in body:
            yield from self._foreach(name, body)
        elif "matrix" in body:
            part = {key: value for key, value in body.items() if key != "matrix"}
            for suffix, item in _matrix(resolve(body["matrix"], self.context)):
                yield f"{name}@{suffix}", part, {**self.context, "item": item, "key": suffix}
        else:
            yield name, body, self.context

    def _foreach(self, name: str, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        items, do = resolve(body["foreach"], self.context), body.get("do")
        if not isinstance(do, dict) or not isinstance(items, dict | list):
            raise self._error(f"stage '{name}': 'foreach' needs a list or a map, and 'do' a stage", f"stages.{name}")
        if isinstance(items, dict):
            for key, item in items.items():
                yield f"{name}@{spell(key)}", do, {**self.context, "item": item, "key": key}
            return
        for index, item in enumerate(items):
            suffix = str(index) if isinstance(item, dict | list) else spell(item)
            yield f"{name}@{suffix}", do, {**self.context, "item": item}

    def _global_context(self) -> dict[str, Any]:
        context: dict[str, Any] = {}
        default = posixpath.join(self.folder, DEFAULT_PARAMS)
        if self.tree.exists(default):
            context.update(parameters.parse(default, self.tree.read(default)))
        return self._with_vars(context, self.document.value.get("vars"), self.folder, "vars")

    def _with_vars(self, context: dict[str, Any], entries: Any, folder: str, path: str) -> dict[str, Any]:
        """`vars:` laid over a context: maps as they stand, files whole or by key (`file.yaml:a,b`)."""
        merged = dict(context)
        for entry in entries or []:
            if isinstance(entry, dict):
                _merge(merged, resolve(entry, merged))
                continue
            name, _, keys = str(resolve(entry, merged)).partition(":")
            values = self._parameters(posixpath.normpath(posixpath.join(folder, name)), path)
            _merge(merged, {key: lookup(key, values) for key in keys.split(",")} if keys else values)
        return merged

    def _parameters(self, file: str, path: str) -> dict[str, Any]:
        if not self.tree.exists(file):
            raise self._error(f"the parameter file '{file}' is not in git", path, f"git add {file}")
        return parameters.parse(file, self.tree.read(file))

    def _stage(self, name: str, body: dict[str, Any], context: dict[str, Any], path: str) -> Stage:
        wdir = resolve(body.get("wdir", "."), context)
        folder = posixpath.normpath(posixpath.join(self.folder, str(wdir)))
        if "vars" in body:
            context = self._with_vars(context, body["vars"], folder, path)
        body = resolve({k: v for k, v in body.items() if k not in ("vars", "wdir", "desc", "meta")}, context)
        cmd = body.get("cmd")
        if not cmd:
            raise self._error(f"stage '{name}' has no 'cmd'", path)
        return Stage(
            name=name,
            file=self.file,
            line=self.document.lines.get(path, 0),
            cmd=tuple(str(line) for line in cmd) if isinstance(cmd, list) else (str(cmd),),
            deps=tuple(_joined(folder, entry) for entry in body.get("deps") or []),
            outs=tuple(_joined(folder, entry) for kind in OUTPUT_KINDS for entry in _entries(body.get(kind))),
            params=self._stage_params(name, body.get("params") or [], folder, path),
            frozen=bool(body.get("frozen")),
            always_changed=bool(body.get("always_changed")),
        )

    def _stage_params(self, name: str, entries: list[Any], folder: str, path: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for entry in entries:
            for file, keys in entry.items() if isinstance(entry, dict) else [(DEFAULT_PARAMS, [entry])]:
                full = _joined(folder, file)
                values = self._parameters(full, path)
                if not keys:
                    found[full] = {"": values}
                for key in keys or []:
                    found.setdefault(full, {})[str(key)] = self._parameter(name, str(key), values, full, path)
        return found

    def _parameter(self, stage: str, key: str, values: dict[str, Any], file: str, path: str) -> Any:
        try:
            return lookup(key, values)
        except Unresolved:
            close = difflib.get_close_matches(key, map(str, values), 1)
            hint = f"did you mean '{close[0]}'?" if close else f"add it to {file}, or take it out of 'params:'"
            raise self._error(f"stage '{stage}': {file} has no parameter '{key}'", path, hint) from None


def _matrix(axes: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """DVC's matrix: the product of the axes; values that are no scalars are named by axis and position."""
    named = [
        [(spell(v) if not isinstance(v, dict | list) else f"{axis}{i}", v) for i, v in enumerate(values)]
        for axis, values in axes.items()
    ]
    for combination in itertools.product(*named):
        item = dict(zip(axes, (value for _, value in combination), strict=True))
        yield "-".join(name for name, _ in combination), item


def _entries(section: Any) -> list[Any]:
    """outs, metrics and plots may be lists or, in plots, a map."""
    return list(section) if isinstance(section, list | dict) else []


def _joined(folder: str, entry: Any) -> str:
    path = str(next(iter(entry)) if isinstance(entry, dict) else entry)
    if "://" in path or path.startswith("/"):
        return path
    return posixpath.normpath(posixpath.join(folder, path))


def _merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            into[key] = dict(into[key])
            _merge(into[key], value)
        else:
            into[key] = value
