"""What a release is packed into."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image in its registry. `name` has no tag; `digest` is its manifest's, `sha256:…`."""

    name: str
    digest: str

    @property
    def reference(self) -> str:
        """What names these bytes and no others."""
        return f"{self.name}@{self.digest}"


@dataclass(frozen=True, kw_only=True)
class BuildDetails:
    """The details of a `build` result. `how`: built, adopted (it was in its registry), recorded (its version named it
    already), or artifact (nothing is built: `storage_uri` is where a server fetches the model).

    `base` is the base image by digest where it has one, `python` what it runs; `layers_pushed` are those that the
    registry lacked; `packages` counts those of the bill of materials.
    """

    version: str
    model_digest: str
    how: str
    image: str = ""
    image_digest: str = ""
    storage_uri: str = ""
    base: str = ""
    python: str = ""
    layers_pushed: int | None = None
    packages: int | None = None
    sbom: str = ""
