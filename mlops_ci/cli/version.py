"""`mlops-ci --version`: our version and those of the libraries in use, without importing any of them."""

from __future__ import annotations

import platform
from importlib import metadata

from mlops_ci import __version__

LIBRARIES = (
    "click",
    "jsonschema",
    "dvc",
    "mlflow",
    "great-expectations",
    "evidently",
    "kserve",
    "docker",
    "github3.py",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "uv",
)


def version_text() -> str:
    """One line a library; those of extras that are not installed say so."""
    lines = [f"mlops-ci {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})"]
    return "\n".join([*lines, *(f"  {name} {_version(name)}" for name in LIBRARIES)])


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
