"""An image of a new model with the same packages, built and pushed, against the docker command on the same Dockerfile.

The peer's context lies ready; ours is put together, checked and asked back from the registry within the time. Needs
root, `dockerd`, `docker-registry` and `debootstrap`; all of it runs on loopback.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import paired
from mlops_ci.backends.image.builder import ImageBuilder
from mlops_ci.backends.image.files import release_file
from mlops_ci.backends.image.labels import labels
from mlops_ci.serving.code import copy_into
from tests.docker import builds

MEGABYTES = 50
BASE = "debian-python:benchmark"
RUNS = 7


def cache() -> Path:
    """Where the tests keep their base image too."""
    return Path(os.environ.get("MLOPS_CI_CACHE") or Path.home() / ".cache" / "mlops-ci-tests")


def renew(model: Path) -> Callable[[], None]:
    """Write another model of the same size."""

    def write() -> None:
        (model / "weights").write_bytes(os.urandom(MEGABYTES * 1024 * 1024))

    return write


def source(model: Path) -> builds.Source:
    return builds.Source(model=model, requirements="six==1.17.0\n")


def ours(model: Path, image: str) -> None:
    """One build and push; prints how many layers the registry lacked."""
    builder = ImageBuilder(cache=cache() / "images", environ=os.environ)
    print(builder.build(builds.job(source(model), image=image, base=BASE), say=lambda line: None).layers_pushed)


def context(folder: Path, model: Path, environment: str) -> Path:
    """The peer's context: the same Dockerfile and files."""
    job = builds.job(source(model), image="peer", base=BASE)
    text = release_file(
        base=BASE, environment=environment, name=job.model, digest=job.model_digest, labels=labels(job, base=BASE)
    )
    (folder / "Dockerfile").write_text(text, "utf-8")
    (folder / "settings.json").write_text('{\n  "max_body_mb": 8\n}\n', "utf-8")
    (folder / "windows").mkdir()
    copy_into(folder / "code")
    model.rename(folder / "model")
    return folder


def rows() -> Sequence[paired.Row]:
    """The one row, and how many layers each rebuild pushed."""
    from tests.docker import daemon, debian  # pytest comes with them, and is nothing that a build takes time for
    from tests.docker.conftest import free_port

    with (
        tempfile.TemporaryDirectory() as name,
        daemon.daemon() as found,
        daemon.registry(free_port(), Path(name)) as to,
    ):
        found.docker("import", str(debian.tarball(cache())), BASE)
        os.environ.update(found.environ)
        models = [builds.few(Path(name) / role).model for role in ("ours", "theirs")]
        ours(models[0], f"{to}/ours")
        environment = found.docker("images", "--format", "{{.Repository}}:{{.Tag}}", "mlops-ci-environment")
        (Path(name) / "context").mkdir()
        peer = context(Path(name) / "context", models[1], environment)
        command = f"docker build --quiet --network none --tag {to}/theirs {peer} && docker push --quiet {to}/theirs"
        pairs = paired.pairs(
            [sys.executable, __file__, "--ours", models[0], f"{to}/ours"],
            ["sh", "-euc", command],
            cwd=Path(name),
            runs=RUNS,
            before_ours=renew(models[0]),
            before_against=renew(peer / "model"),
        )
        renew(models[0])()
        again = ImageBuilder(cache=cache() / "images", environ=os.environ)
        built = again.build(builds.job(source(models[0]), image=f"{to}/ours", base=BASE), say=lambda line: None)
    what = f"build and push a new model of {MEGABYTES} MB, same packages"
    note = f"{built.layers_pushed} layer pushed"
    return [paired.time_row(what, pairs, against="docker build && docker push", at_most=1.1, note=note)]


if __name__ == "__main__":
    if "--ours" in sys.argv:
        ours(Path(sys.argv[-2]), sys.argv[-1])
    else:
        paired.main(rows)
