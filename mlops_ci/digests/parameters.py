"""Parameter files: YAML, JSON, TOML, and Python's top-level constants, as DVC reads them."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from mlops_ci.errors import PipelineError
from mlops_ci.yaml12 import YamlError, load


def parse(path: str, content: bytes) -> dict[str, Any]:
    """The values of a parameter file by top-level key. Raises PipelineError with the line."""
    try:
        value = _PARSERS.get(PurePosixPath(path).suffix, _yaml)(content)
    except YamlError as error:
        raise PipelineError(error.message, where=f"{path}:{error.line}" if error.line else path) from None
    except (ValueError, SyntaxError) as error:
        raise PipelineError(f"not readable as parameters: {error}", where=path) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PipelineError("a parameter file must be a map of names to values", where=path)
    return value


def _yaml(content: bytes) -> Any:
    return load(content).value


def _toml(content: bytes) -> Any:
    if sys.version_info >= (3, 11):
        import tomllib

        return tomllib.loads(content.decode())
    import tomli

    return tomli.loads(content.decode())


def _python(content: bytes) -> dict[str, Any]:
    """Constants of the module, and of its classes as maps; what is not a literal is no parameter."""
    return _constants(ast.parse(content).body)


def _constants(body: list[ast.stmt]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = _constants(node.body)
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.expr):
            try:
                found[target.id] = ast.literal_eval(value)
            except ValueError:
                continue
    return found


_PARSERS: dict[str, Callable[[bytes], Any]] = {".json": json.loads, ".toml": _toml, ".py": _python}
