"""What an MLmodel file says is unpickled. It can forbid, never allow: what is in the files is told by their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlops_ci.errors import UsageError

PICKLES = ("pickle", "cloudpickle", "joblib", "dill")
SUFFIXES = (".pkl", ".pickle", ".cloudpickle", ".joblib", ".dill")
ALWAYS = ("statsmodels", "pmdarima", "fastai", "paddle")  # flavors that know nothing else
UNSAID = {"sklearn": "pickle", "pytorch": "pickle", "lightgbm": "cloudpickle"}  # without a `serialization_format`
BOOSTER = "lightgbm.basic.Booster"  # which has a format of its own; LightGBM's scikit-learn classes have none


def unpickled(directory: Path) -> str:
    """Why MLflow would unpickle a file, in words; '' where no MLmodel below `directory` says so.

    Raises UsageError for one that can't be read.
    """
    for path in sorted(directory.rglob("MLmodel")):
        shown = path.relative_to(directory).as_posix()
        for name, said in _flavors(path, shown).items():
            if reason := next(_reasons(str(name), said), ""):
                return f"{shown} says that its flavor '{name}' is unpickled ({reason})"
    return ""


def _flavors(path: Path, shown: str) -> Mapping[Any, Any]:
    try:
        import yaml
    except ImportError:
        raise UsageError(f"{shown} can't be read: PyYAML is not installed in the model's environment") from None
    try:
        content = yaml.safe_load(path.read_bytes())
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        raise UsageError(f"{shown} can't be read: it is no YAML") from None
    flavors = content.get("flavors") if isinstance(content, dict) else None
    return flavors if isinstance(flavors, dict) else {}


def _reasons(name: str, said: Any) -> Iterator[str]:
    if name in ALWAYS:
        yield "it knows no other format"
    if not isinstance(said, dict):
        return
    if name in UNSAID and "serialization_format" not in said and not _is_booster(name, said):
        yield f"it names no serialization_format, which means {UNSAID[name]}"
    for key, value in said.items():
        if isinstance(value, str) and (value.lower() in PICKLES or value.lower().endswith(SUFFIXES)):
            yield f"{key}: {value}"
    if name == "python_function":
        yield from _of_python(said)


def _is_booster(name: str, said: Mapping[Any, Any]) -> bool:
    return name == "lightgbm" and said.get("model_class", BOOSTER) == BOOSTER


def _of_python(said: Mapping[Any, Any]) -> Iterator[str]:
    if "python_model" in said:
        yield f"python_model: {said['python_model']}"
    elif said.get("loader_module") == "mlflow.pyfunc.model" and "model_code_path" not in said:
        yield "loader_module: mlflow.pyfunc.model"
