"""Where images are built and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mlops_ci.ports.say import Say
from mlops_ci.records.building import Image


@dataclass(frozen=True, kw_only=True)
class Described:
    """The Python environment that a model was trained in, as its run kept it: `files` below `folder`, the first of
    which describes it (see digests/environment.py), and the version of Python, e.g. `3.11.7`."""

    folder: Path
    files: tuple[str, ...]
    spec: str
    python: str


@dataclass(frozen=True, kw_only=True)
class BuildJob:
    """One registered version to be packed into `image`, a name without a tag, upon `base`.

    `settings` are the model server's, `requirements` what it needs beside the user's own environment. `bring` puts
    `model/` and the server's `code/` into an empty folder and returns the environment that the model was trained in;
    it is called only where the image is not there already. `source` is the repository's URL, '' where it has none.
    """

    model: str
    version: str
    model_digest: str
    inputs_digest: str
    run_id: str
    commit: str
    source: str
    image: str
    base: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    requirements: Sequence[str] = ()
    bring: Callable[[Path], Described]


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a build made. `base` is the base image by digest, where it has one; `sbom` a CycloneDX document."""

    image: Image
    base: str
    python: str
    layers_pushed: int
    sbom: Mapping[str, Any]


class Builder(Protocol):
    """Builds images and keeps them in a registry, from where they are named by the digest of their manifest alone."""

    def find(self, job: BuildJob) -> Image | None:
        """The image of exactly this model that is in the registry already, whoever built it; None where there is none.

        Raises StaleError where another model lies under its tag, BackendError where nobody can be asked.
        """

    def build(self, job: BuildJob, *, say: Say) -> Built:
        """Build and push. Building what is built already makes the same image and pushes nothing. Nothing is found by
        `find` until all of it is in the registry.

        Raises ConfigError where the base image or the environment does not do, StaleError where the registry serves
        another manifest than was pushed, BackendError where the build, the push or the network fails.
        """
