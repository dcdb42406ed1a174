"""`dvc.yaml` resolved: foreach and matrix unrolled, templates replaced, parameters looked up."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

from mlops_ci.digests import parameters
from mlops_ci.digests.context import Context
from mlops_ci.digests.interpolate import Unresolved, resolve, spell
from mlops_ci.digests.tree import Tree
from mlops_ci.errors import PipelineError, did_you_mean
from mlops_ci.yaml12 import Document, YamlError, load

DEFAULT_PARAMS = "params.yaml"
OUTPUT_KINDS = ("outs", "metrics", "plots")
KEYS = ("cmd", "deps", "params", "wdir", "vars", "frozen", "always_changed", "desc", "meta", *OUTPUT_KINDS)
LOOPS = ("foreach", "do", "matrix")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One resolved stage. `file` is its dvc.yaml; wdir, deps, outs and parameter files are paths from the root.

    `params` maps a parameter file to its values by key (`a.b`); a file tracked whole has the key ''. `lines` maps
    a dependency to the line that declares it.
    """

    name: str
    file: str
    line: int
    cmd: tuple[str, ...]
    wdir: str = "."
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    frozen: bool = False
    always_changed: bool = False
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """`dvc.yaml:4`."""
        return f"{self.file}:{self.line}"

    def where_of(self, dep: str) -> str:
        """`dvc.yaml:7`, the line of one dependency."""
        return f"{self.file}:{self.lines.get(dep, self.line)}"


def read_stages(tree: Tree, file: str, *, options: Mapping[str, str] | None = None) -> dict[str, Stage]:
    """Every stage of one dvc.yaml by name (`train`, `train@a`). Raises PipelineError naming file, line and stage.

    `options` is DVC's setting `parsing`: how maps become command line options.
    """
    return _File(tree, file, options or {}).stages()


class _File:
    """One dvc.yaml being resolved."""

    def __init__(self, tree: Tree, file: str, options: Mapping[str, str]) -> None:
        self.tree = tree
        self.file = file
        self.options = options
        self.folder = posixpath.dirname(file)
        self.values: dict[str, dict[str, Any]] = {}

    @cached_property
    def document(self) -> Document:
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
        return document

    def stages(self) -> dict[str, Stage]:
        entries = self.document.value.get("stages") or {}
        if not isinstance(entries, dict):
            self._fail("'stages' must be a map of names to stages", "stages")
        try:
            context = self._context()
        except Unresolved as error:
            self._fail(str(error), "vars")
        found: dict[str, Stage] = {}
        for name, body in entries.items():
            path = f"stages.{name}"
            if not isinstance(body, dict):
                self._fail(f"stage '{name}' must be a map", path)
            try:
                for full, part, inner in self._unroll(str(name), body, context):
                    found[full] = self._stage(full, part, inner, path)
            except Unresolved as error:
                self._fail(f"stage '{name}': {error}", path, "define it once, in params.yaml or under vars:")
        return found

    def _context(self) -> Context:
        context = Context()
        if self.tree.exists(posixpath.join(self.folder, DEFAULT_PARAMS)):
            context = context.with_file(DEFAULT_PARAMS, self.folder, lambda path: self._parameters(path, "vars"))
        return self._with_vars(context, self.document.value.get("vars") or [], self.folder, "vars")

    def _with_vars(self, context: Context, entries: Any, folder: str, path: str) -> Context:
        return context.with_vars(entries, folder, lambda file: self._parameters(file, path))

    def _parameters(self, file: str, path: str) -> dict[str, Any]:
        if file not in self.values:
            if not self.tree.exists(file):
                self._fail(f"the parameter file '{file}' is not in git", path, f"git add {file}")
            self.values[file] = parameters.parse(file, self.tree.read(file))
        return self.values[file]

    def _unroll(
        self, name: str, body: dict[str, Any], context: Context
    ) -> Iterator[tuple[str, dict[str, Any], Context]]:
        """(full name, body, context) of each stage that one entry stands for."""
        path = f"stages.{name}"
        if "foreach" in body or "do" in body:
            part = body.get("do")
            if not isinstance(part, dict) or set(body) != {"foreach", "do"}:
                self._fail(f"stage '{name}': a loop is 'foreach' with a list or map, and 'do' with a stage", path)
            items = resolve(body["foreach"], context.values, compound=True)
            rounds = _foreach(body["foreach"], items, context) if isinstance(items, list | dict) else None
        elif "matrix" in body:
            part = {key: value for key, value in body.items() if key != "matrix"}
            axes = resolve(body["matrix"], context.values, compound=True)
            whole = isinstance(axes, dict) and all(isinstance(values, list) for values in axes.values())
            rounds = _matrix(body["matrix"], axes, context) if whole else None
        else:
            self._know(name, body, path)
            yield name, body, context
            return
        if rounds is None:
            self._fail(f"stage '{name}': 'foreach' takes a list or a map, 'matrix' a map of lists", path)
        self._know(name, part, path)
        for suffix, inner in rounds:
            yield f"{name}@{suffix}", part, inner

    def _know(self, name: str, body: dict[str, Any], path: str) -> None:
        """Refuse keys DVC does not know: a misspelt `deps` would hide what decides the model."""
        for key in body:
            if key not in KEYS:
                hint = did_you_mean(str(key), (*KEYS, *LOOPS), f"known: {', '.join(KEYS)}")
                inner = f"{path}.do.{key}" if f"{path}.do.{key}" in self.document.lines else f"{path}.{key}"
                self._fail(f"stage '{name}' has no key '{key}'", inner, hint)

    def _stage(self, name: str, body: dict[str, Any], context: Context, path: str) -> Stage:
        wdir = resolve(body.get("wdir") or ".", context.values)
        if not isinstance(wdir, str):
            self._fail(f"stage '{name}': 'wdir' must be a folder", path)
        folder = posixpath.normpath(posixpath.join(self.folder, wdir))
        context = self._with_vars(context, body.get("vars") or [], folder, path)
        deps = self._list(name, "deps", body, context, path)
        return Stage(
            name=name,
            file=self.file,
            line=self.document.lines.get(path, 0),
            cmd=self._command(name, body.get("cmd"), context, path),
            wdir=folder,
            deps=tuple(dict.fromkeys(_joined(folder, dep) for dep in deps)),
            outs=tuple(
                dict.fromkeys(
                    _joined(folder, out) for kind in OUTPUT_KINDS for out in self._list(name, kind, body, context, path)
                )
            ),
            params=self._params(name, self._list(name, "params", body, context, path), folder, path),
            frozen=bool(body.get("frozen")),
            always_changed=bool(body.get("always_changed")),
            lines={_joined(folder, dep): self._line(path, "deps", index) for index, dep in enumerate(deps)},
        )

    def _command(self, name: str, cmd: Any, context: Context, path: str) -> tuple[str, ...]:
        resolved = resolve(cmd, context.values, options=self.options)
        lines = resolved if isinstance(resolved, list) else [resolved]
        if not resolved or not all(isinstance(line, str) for line in lines):
            self._fail(f"stage '{name}' needs a 'cmd': a command, or a list of commands", path)
        return tuple(lines)

    def _list(self, name: str, key: str, body: dict[str, Any], context: Context, path: str) -> list[Any]:
        entries = body.get(key) or []
        if key == "plots" and isinstance(entries, dict):
            entries = [{plot: value} for plot, value in entries.items()]
        plain = (str, int, float) if key == "deps" else (str, int, float, dict)
        if not isinstance(entries, list) or not all(isinstance(entry, plain) for entry in entries):
            self._fail(f"stage '{name}': '{key}' must be a list of paths", path)
        return list(resolve(entries, context.values))

    def _params(self, stage: str, entries: list[Any], folder: str, path: str) -> dict[str, dict[str, Any]]:
        """Values by file and key, as DVC merges the entries: a file listed without keys is tracked whole."""
        asked: dict[str, list[str]] = {}
        whole: set[str] = set()
        for entry in entries:
            for name, keys in entry.items() if isinstance(entry, dict) else [(DEFAULT_PARAMS, [entry])]:
                file = _joined(folder, name)
                if keys and not isinstance(keys, list):
                    self._fail(f"stage '{stage}': the parameters of '{name}' must be a list of names", path)
                asked.setdefault(file, []).extend(str(key) for key in keys or [])
                if not keys:
                    whole.add(file)
        return {
            file: {"": self._parameters(file, path)}
            if file in whole
            else {key: self._parameter(stage, key, file, path) for key in keys}
            for file, keys in asked.items()
        }

    def _parameter(self, stage: str, key: str, file: str, path: str) -> Any:
        values = self._parameters(file, path)
        try:
            return parameters.parameter(key, values)
        except Unresolved:
            hint = did_you_mean(key, parameters.names(values), f"add it to {file}, or take it out of 'params:'")
            self._fail(f"stage '{stage}': {file} has no parameter '{key}'", path, hint)

    def _line(self, path: str, key: str, index: int) -> int:
        lines = self.document.lines
        return next(
            (lines[at] for at in (f"{path}.{key}[{index}]", f"{path}.do.{key}[{index}]", path) if at in lines), 0
        )

    def _fail(self, message: str, path: str, hint: str = "") -> NoReturn:
        line = self.document.lines.get(path, 0)
        raise PipelineError(message, where=f"{self.file}:{line}" if line else self.file, hint=hint)


def _foreach(raw: Any, items: list[Any] | dict[Any, Any], context: Context) -> Iterator[tuple[str, Context]]:
    """DVC's foreach: a list of scalars is named by them, any other list by position, a map by its keys."""
    if isinstance(items, dict):
        for key, item in items.items():
            yield spell(key), context.in_loop(item=item, key=spell(key))
        return
    compound = any(isinstance(item, list | dict) for item in items)
    names = [str(index) if compound else _label(raw, index, item) for index, item in enumerate(items)]
    for suffix, item in dict(zip(names, items, strict=True)).items():
        yield suffix, context.in_loop(item=item)


def _matrix(raw: Any, axes: Mapping[str, list[Any]], context: Context) -> Iterator[tuple[str, Context]]:
    """DVC's matrix: the product of the axes; values that are no scalars are named by axis and position."""
    named = []
    for axis, values in axes.items():
        written = raw.get(axis) if isinstance(raw, dict) else raw
        labels = [
            f"{axis}{index}" if isinstance(value, dict | list) else _label(written, index, value)
            for index, value in enumerate(values)
        ]
        named.append(list(zip(labels, values, strict=True)))
    for combination in itertools.product(*named):
        item = dict(zip(axes, (value for _, value in combination), strict=True))
        suffix = "-".join(label for label, _ in combination)
        yield suffix, context.in_loop(item=item, key=suffix)


def _label(raw: Any, index: int, value: Any) -> str:
    """How a value names its stage: DVC writes `true` for a list in dvc.yaml, `True` for one that `${…}` brings."""
    written = raw[index] if isinstance(raw, list) else raw
    return str(value) if isinstance(written, str) else spell(value)


def _joined(folder: str, entry: Any) -> str:
    path = spell(next(iter(entry)) if isinstance(entry, dict) else entry)
    if "://" in path or path.startswith("/"):
        return path
    return posixpath.normpath(posixpath.join(folder, path))
