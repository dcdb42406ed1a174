"""The bill of materials (CycloneDX 1.6) of an image's Python packages, from the metadata that is in their wheels."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlops_ci.digests.directory import digest_file
from mlops_ci.errors import BackendError, MissingExtra
from mlops_ci.io import process
from mlops_ci.records.building import Image

VERSION = "1.6"
SECONDS = 600.0


def packages_of(wheels: Path, *, scratch: Path) -> dict[str, Any]:
    """What `cyclonedx-py environment` says of an environment with exactly these wheels, pip's apart, with each one's
    hash. Raises MissingExtra, or BackendError with its words."""
    if find_spec("cyclonedx_py") is None:
        raise MissingExtra("deploy", "cyclonedx-bom")
    own = process.own_python()
    _run([own, "-m", "venv", "--without-pip", scratch], scratch.parent)
    site = next(scratch.glob("lib/python*/site-packages"))
    hashes = {_describe(wheel, site): digest_file(wheel) for wheel in wheels.glob("*.whl") if _counts(wheel)}
    told = scratch / "sbom.json"
    words = ["-m", "cyclonedx_py", "environment", "--spec-version", VERSION, "--output-reproducible"]
    _run([own, *words, "--output-format", "JSON", "--output-file", told, scratch], scratch.parent)
    document: dict[str, Any] = json.loads(told.read_text("utf-8"))
    for part in document.get("components", []):
        part["hashes"] = [{"alg": "SHA-256", "content": hashes[_plain(part["name"])]}]
    return document


def about_image(packages: Mapping[str, Any], image: Image, *, version: str, model_digest: str) -> dict[str, Any]:
    """The same document, about the image that has these packages in it."""
    properties = [
        {"name": "mlops-ci:model-version", "value": version},
        {"name": "mlops-ci:model-digest", "value": model_digest},
    ]
    described = {
        "type": "container",
        "bom-ref": "image",
        "name": image.name,
        "version": image.digest,
        "hashes": [{"alg": "SHA-256", "content": image.digest.removeprefix("sha256:")}],
        "properties": properties,
    }
    parts = [part["bom-ref"] for part in packages.get("components", [])]
    needs = [*packages.get("dependencies", []), {"ref": "image", "dependsOn": parts}]
    found = {**packages, "metadata": {**packages.get("metadata", {}), "component": described}}
    return {**found, "dependencies": needs}


def _counts(wheel: Path) -> bool:
    """pip's own wheel installs the others, and does not stay."""
    return not wheel.name.startswith("pip-")


def _describe(wheel: Path, site: Path) -> str:
    """Unpack what a wheel says of itself; returns the package's plain name."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(item for item in archive.namelist() if item.endswith(".dist-info/METADATA"))
        target = site / Path(name).parent.name / "METADATA"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(archive.read(name))
    return _plain(wheel.name.partition("-")[0])


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _run(words: list[str | Path], cwd: Path) -> None:
    done = process.run(words, cwd=cwd, timeout=SECONDS)
    if done.code != 0:
        raise BackendError("the image's packages could not be listed", hint=done.stderr.strip()[-1000:])
