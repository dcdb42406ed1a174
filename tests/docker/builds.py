"""What is built in tests: a job whose packages are few, or those that really serve."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from mlops_ci.digests.directory import digest_directory
from mlops_ci.ports.building import BuildJob, Described
from mlops_ci.serving.code import copy_into

MLMODEL = """\
flavors:
  python_function: {loader_module: toymodel, code: code, env: {virtualenv: python_env.yaml}}
signature:
  inputs: '[{"type": "double", "name": "a"}]'
  outputs: '[{"type": "double"}]'
model_uuid: 0123456789abcdef0123456789abcdef
utc_time_created: '2026-01-01 00:00:00.000000'
"""
LOADER = """\
class Doubled:
    def predict(self, data, params=None):
        return data["a"] * 2

def _load_pyfunc(path):
    return Doubled()
"""
SERVES = "-c pins.txt\nmlflow-skinny\npandas\npyarrow\n"  # scores and serves; one image for all tests that need it


def pins() -> str:
    """Every package that runs the tests, by version: they fit each other, and the model server among them."""
    found = {f"{item.name}=={item.version}" for item in metadata.distributions() if item.name != "mlops-ci"}
    return "\n".join(sorted(found))


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a job's parts lie. `model` is an MLflow model directory; `requirements` may say `-c pins.txt`."""

    model: Path
    requirements: str
    python: str = platform.python_version()
    calls: list[Path] = field(default_factory=list)

    def bring(self, into: Path) -> Described:
        """What the stage does from the tracker."""
        self.calls.append(into)
        shutil.copytree(self.model, into / "model")
        copy_into(into / "code")
        folder = into / "environment"
        folder.mkdir()
        (folder / "requirements.txt").write_text(self.requirements, "utf-8")
        files = ["requirements.txt"]
        if "-c pins.txt" in self.requirements:
            (folder / "pins.txt").write_text(pins(), "utf-8")
            files.append("pins.txt")
        return Described(folder=folder, files=tuple(files), spec="", python=self.python)


def job(source: Source, *, image: str, base: str, **changes: Any) -> BuildJob:
    """One version to be built."""
    about: dict[str, Any] = {
        "model": "toy",
        "version": "1",
        "model_digest": digest_directory(source.model),
        "inputs_digest": "1" * 64,
        "run_id": "run1",
        "commit": "c" * 40,
        "source": "https://example.com/acme/toy",
        "image": image,
        "base": base,
        "settings": {"max_body_mb": 8},
        "bring": source.bring,
    }
    return BuildJob(**{**about, **changes})


def few(folder: Path) -> Source:
    """A model of two files, and one small package: enough for all but serving."""
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {python_function: {loader_module: toy}}\n", "utf-8")
    (folder / "weights").write_text("1", "utf-8")
    return Source(model=folder, requirements="six==1.17.0\n")
