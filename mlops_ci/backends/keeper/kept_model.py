"""The model, the server's code and the Python that serves them, as they are kept with a release on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_ci.backends.keeper.client import read
from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import BackendError
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.records.models import Release


class ModelAndCode:
    """`model/` and `code/`, checked byte for byte each time; the Python is where it was built."""

    def bring(self, job: DeployJob, into: Path) -> Mapping[str, str]:
        """Put both into a folder. Raises BackendError where the model is not the release's."""
        python, digest = job.bring(into), job.release.model_digest
        if (found := digest_directory(into / "model")) != digest:
            raise BackendError(f"what was brought as model {digest[:12]} has the digest {found[:12]}")
        return {"python": str(python), "code": digest_directory(into / "code")}

    def changed(self, place: Path, noted: Mapping[str, Any], digest: str) -> bool:
        """Whether a byte of them is another."""
        try:
            return (digest_directory(place / "model"), digest_directory(place / "code")) != (digest, noted.get("code"))
        except BackendError:
            return True

    def missing(self, place: Path) -> bool:
        """Whether the Python is gone."""
        return not Path(python_of(place)).exists()


class RowsAlone:
    """Nothing but the smoke rows: an image, or a cluster, has the rest."""

    def bring(self, job: DeployJob, into: Path) -> Mapping[str, str]:
        return {}

    def changed(self, place: Path, noted: Mapping[str, Any], digest: str) -> bool:
        return False

    def missing(self, place: Path) -> bool:
        return False


def python_of(place: Path) -> str:
    """The Python that serves what is kept there; a path of no file where none is noted."""
    return str(read(place / "release.json").get("python") or place / "no python")


def find_kept(home: Path, release: Release) -> tuple[Path, Path] | None:
    """(model directory, Python) of a release that any environment below `home` keeps whole; None where none does."""
    for place in sorted(home.glob(f"{release.model}/*/kept/{release.model_digest[:32]}")):
        python = Path(python_of(place))
        try:
            if python.exists() and digest_directory(place / "model") == release.model_digest:
                return place / "model", python
        except BackendError:
            continue
    return None
