"""A registry whose disk is full while an image is pushed: real MLflow, a real daemon, a real and small disk."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.backends.image.builder import ImageBuilder
from mlops_ci.config.types import Model
from mlops_ci.io import http
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.results import Origin, StageResult, Status
from mlops_ci.stages import build
from mlops_ci.stages.perform import perform
from tests.docker import daemon as parts
from tests.docker.daemon import Daemon
from tests.stages.building import registered

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def small_registry(free: int, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a registry on a disk of its own of 4 MB, and that disk."""
    parts.need("docker-registry")
    disk = tmp_path / "shelf" / "registry"
    disk.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True).returncode != 0:
        pytest.skip("a disk of its own needs 'mount' as root")
    try:
        with parts.registry(free, disk.parent) as address:
            yield address, disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_it_is_named_and_made_up_for(
    small_registry: tuple[str, Path], daemon: Daemon, base_image: str, image_cache: Path, tmp_path: Path
) -> None:
    registry, disk = small_registry
    (tmp_path / "r").mkdir()
    here = registered(tmp_path / "r", builder=ImageBuilder(cache=image_cache, environ=daemon.environ))
    model = Model(name="toy", root=here.root, build={"image": f"{registry}/toy", "base": base_image})

    def built() -> StageResult:
        def stage() -> StageResult:
            return build.apply(build.plan(model, here.now(), here.yard), here.yard, say=lambda line: None)

        return perform(build.STAGE, "toy", stage, workspace=Workspace(here.root), origin=Origin(commit="c" * 40))

    full = built()
    assert full.status is Status.ERROR
    assert full.failure is not None
    assert full.failure.exit_code == 3
    assert f"{registry}/toy:toy-{here.version.model_digest[:32]} could not be pushed: " in full.failure.message
    assert full.failure.hint.endswith("its log says why, often that its disk is full")
    assert "image" not in here.now().tags
    assert here.yard.tracker.fetch(here.version.run_id, build.SBOM, tmp_path / "sbom") is None, "nothing is half told"
    assert http.call("GET", f"http://{registry}/v2/toy/tags/list").status == 404

    subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
    again = built()
    assert (again.status, again.details["how"]) == (Status.PASSED, "built")
    digest = here.now().tags["image_digest"]
    assert http.call("GET", f"http://{registry}/v2/toy/manifests/{digest}").status == 200
