"""Parameter files: YAML, JSON, TOML, and Python's constants, as DVC reads them."""

from __future__ import annotations

import ast
import contextlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from mlops_ci.digests.interpolate import Unresolved
from mlops_ci.errors import PipelineError
from mlops_ci.yaml12 import MAX_BYTES, YamlError, load


def parse(path: str, content: bytes) -> dict[str, Any]:
    """The values of a parameter file by top-level key. Raises PipelineError with the line."""
    try:
        if len(content) > MAX_BYTES:
            raise ValueError(f"the file has {len(content):,} bytes; the limit is {MAX_BYTES:,} (1 MiB)")
        value = _PARSERS.get(PurePosixPath(path).suffix.lower(), _yaml)(content)
    except YamlError as error:
        raise PipelineError(error.message, where=f"{path}:{error.line}" if error.line else path) from None
    except SyntaxError as error:
        raise PipelineError(f"not readable as Python: {error.msg}", where=f"{path}:{error.lineno or 1}") from None
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"not readable as parameters: {error}", where=path) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PipelineError("a parameter file must be a map of names to values", where=path)
    return value


def parameter(name: str, values: Any) -> Any:
    """The value of `a.b.0`; keys are compared as text. Raises Unresolved where there is none."""
    value = values
    for step in name.split("."):
        if isinstance(value, dict):
            found = [item for key, item in value.items() if str(key) == step]
        elif isinstance(value, list | tuple) and step.isdecimal():
            found = list(value[int(step) : int(step) + 1])
        else:
            found = []
        if not found:
            raise Unresolved(f"there is no parameter '{name}'")
        value = found[0]
    return value


def names(values: Any, prefix: str = "") -> Iterator[str]:
    """Every dotted name below a map, for telling the nearest one."""
    for key, value in values.items() if isinstance(values, dict) else ():
        yield f"{prefix}{key}"
        yield from names(value, f"{prefix}{key}.")


def _yaml(content: bytes) -> Any:
    return load(content).value


def _json(content: bytes) -> Any:
    return json.loads(content.decode("utf-8"))


def _toml(content: bytes) -> Any:
    if sys.version_info >= (3, 11):
        import tomllib

        return tomllib.loads(content.decode("utf-8"))
    import tomli

    return tomli.loads(content.decode("utf-8"))


def _python(content: bytes) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the user's spelling of strings; they differ by Python version
        return _constants(ast.parse(content).body, attributes_only=False)


def _constants(body: list[ast.stmt], *, attributes_only: bool) -> dict[str, Any]:
    """Constants of a module, of its classes as maps, and what their `__init__` assigns to `self`."""
    found: dict[str, Any] = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = _constants(node.body, attributes_only=False)
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__":
            found.update(_constants(node.body, attributes_only=True))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value and (name := _name(node, attributes_only)):
            with contextlib.suppress(ValueError, TypeError):
                found[name] = ast.literal_eval(node.value)
    return found


def _name(node: ast.Assign | ast.AnnAssign, attributes_only: bool) -> str:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    target = targets[0]
    if len(targets) != 1:
        return ""
    if isinstance(target, ast.Name) and not attributes_only:
        return target.id
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
        return target.attr
    return ""


_PARSERS: dict[str, Callable[[bytes], Any]] = {".json": _json, ".toml": _toml, ".py": _python}
