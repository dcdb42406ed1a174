"""What is built in tests: a job whose packages are few, or those that really serve."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.digests.directory import digest_directory
from mlops_ci.ports.building import BuildJob, Described
from mlops_ci.serving.code import copy_into

PYTHON = ".".join  # of version numbers


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a job's parts lie. `model` is an MLflow model directory."""

    model: Path
    requirements: str
    python: str
    calls: list[Path] = field(default_factory=list)

    def bring(self, into: Path) -> Described:
        """What the stage does from the tracker."""
        import shutil

        self.calls.append(into)
        shutil.copytree(self.model, into / "model")
        copy_into(into / "code")
        folder = into / "environment"
        folder.mkdir()
        (folder / "requirements.txt").write_text(self.requirements, "utf-8")
        return Described(folder=folder, files=("requirements.txt",), spec="", python=self.python)


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
