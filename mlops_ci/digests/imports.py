"""Modules of the repository that a stage's scripts import, and which of them the stage does not declare.

A static look: nothing is imported or run. What DVC is not told of, it does not watch: the model would change and
its digest would not.
"""

from __future__ import annotations

import ast
import posixpath
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_ci.digests.commands import Script, scripts
from mlops_ci.digests.graph import ResolvedStage
from mlops_ci.digests.inputs import Inputs
from mlops_ci.digests.paths import is_inside
from mlops_ci.digests.stages import Stage
from mlops_ci.digests.tree import Tree
from mlops_ci.records.results import Check, Severity, Status


@dataclass(frozen=True, kw_only=True)
class Undeclared:
    """A file a stage runs or imports and does not declare. `importer` and `line` say where ('' and 0: its command);
    `entry` is the line to add below `deps:`."""

    stage: Stage
    module: str
    importer: str
    line: int

    @property
    def entry(self) -> str:
        """`- src/features.py`, as the stage's working folder sees it."""
        return f"- {posixpath.relpath(self.module, self.stage.wdir)}"


def undeclared_imports(tree: Tree, inputs: Inputs) -> tuple[Undeclared, ...]:
    """All of them, for every stage that is run."""
    return tuple(found for item in inputs.stages if not item.stage.frozen for found in _of_stage(tree, item))


def import_checks(tree: Tree, inputs: Inputs, setting: str) -> tuple[Check, ...]:
    """The findings as checks; `setting` is `warn`, `fail` or `ignore` (none at all)."""
    if setting == "ignore":
        return ()
    severity = Severity.FAIL if setting == "fail" else Severity.WARN
    return tuple(_check(found, severity) for found in undeclared_imports(tree, inputs))


def _check(found: Undeclared, severity: Severity) -> Check:
    stage = found.stage
    how = f"{found.importer}:{found.line} imports" if found.importer else "its command runs"
    return Check(
        name="undeclared import",
        status=Status.FAILED,
        severity=severity,
        message=f"stage '{stage.name}': {how} {found.module}, which is not among its deps; "
        f"add '{found.entry}' below 'deps:'",
        expected=found.entry,
        observed="not declared",
        where=stage.where,
    )


def _of_stage(tree: Tree, item: ResolvedStage) -> Iterator[Undeclared]:
    stage = item.stage
    known = (*stage.deps, *stage.outs, *item.sources)
    seen: set[str] = set()
    for script in scripts(stage.cmd, stage.wdir):
        roots = _roots(script, stage)
        file = script.file if tree.exists(script.file) else module_file(tree, script.module, roots)
        if not file:
            continue
        for path, (importer, line) in _reached(tree, file, roots).items():
            declared = any(is_inside(path, name) for name in known)
            if not declared and path not in seen and tree.read(path).strip():
                yield Undeclared(stage=stage, module=path, importer=importer, line=line)
            seen.add(path)


def _roots(script: Script, stage: Stage) -> tuple[str, ...]:
    """Where Python would look, and where an editable install of the repository would make it look."""
    first = posixpath.dirname(script.file) if script.file else script.folder
    project = posixpath.dirname(stage.file)
    places = (first, script.folder, project, posixpath.join(project, "src"), "", "src")
    return tuple(dict.fromkeys("" if place == "." else place for place in places))


def closure(tree: Tree, file: str, roots: Sequence[str] = ("",)) -> tuple[str, ...]:
    """A script or module and every module of the repository it imports, directly or not, sorted."""
    return tuple(sorted(_reached(tree, file, (posixpath.dirname(file), *roots))))


def module_file(tree: Tree, module: str, roots: Sequence[str]) -> str:
    """The file of `a.b` in the first of the roots that has it; '' where none has."""
    if not module:
        return ""
    for index, root in enumerate(roots):
        if index and module.partition(".")[0] in sys.stdlib_module_names:
            break
        base = posixpath.join(root, *module.split("."))
        for name in (f"{base}/__main__.py", f"{base}/__init__.py", f"{base}.py"):
            if tree.exists(name):
                return name
    return ""


def _reached(tree: Tree, file: str, roots: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Every module of the repository behind a file → (who imports it, in which line)."""
    found: dict[str, tuple[str, int]] = {file: ("", 0)}
    waiting = [file]
    while waiting:
        current = waiting.pop(0)
        for module, line, places in _imported(tree, current, roots):
            for path in _files_of(tree, module, places):
                if path not in found:
                    found[path] = (current, line)
                    waiting.append(path)
    return found


def _files_of(tree: Tree, module: str, roots: Sequence[str]) -> Iterator[str]:
    """The files that importing `a.b.c` runs: those of a, a.b and a.b.c, from one root."""
    parts = module.split(".")
    for index, root in enumerate(roots):
        if index and parts[0] in sys.stdlib_module_names:
            return
        bases = [posixpath.join(root, *parts[: n + 1]) for n in range(len(parts))]
        files = [name for base in bases for name in (f"{base}/__init__.py", f"{base}.py") if tree.exists(name)]
        if files:
            yield from files
            return


def _imported(tree: Tree, file: str, roots: Sequence[str]) -> Iterator[tuple[str, int, Sequence[str]]]:
    """(module, line, folders to look in) of each import in a file."""
    if not file.endswith(".py"):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about how the user spells strings
            parsed = ast.parse(tree.read(file))
    except (SyntaxError, ValueError, RecursionError):
        return  # the script will say so itself when it is run
    for node in _walk(parsed):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, roots) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            places = [_up(file, node.level)] if node.level else roots
            yield from ((f"{node.module or ''}.{a.name}".strip("."), node.lineno, places) for a in node.names)
        elif isinstance(node, ast.Call) and (name := _called(node)):
            yield name, node.lineno, roots


def _up(file: str, level: int) -> str:
    """The folder a relative import counts from: one dot is the file's own."""
    folder = posixpath.dirname(file)
    for _ in range(level - 1):
        folder = posixpath.dirname(folder)
    return folder


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs: blocks for type checkers alone are left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for other in child.orelse:
                yield other
                yield from _walk(other)
            continue
        yield child
        yield from _walk(child)


def _called(node: ast.Call) -> str:
    """The module of `importlib.import_module("a.b")` or `__import__("a")`."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0] if node.args else None
    constant = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
    return constant if name in ("import_module", "__import__") and not constant.startswith(".") else ""
