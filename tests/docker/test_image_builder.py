"""Images are built, found, pushed and refused, by a real daemon and a real registry."""

from __future__ import annotations

import gc
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.image.builder import ImageBuilder
from mlops_ci.backends.image.labels import MODEL_DIGEST, OCI, tag_of
from mlops_ci.errors import BackendError, ConfigError, StaleError
from mlops_ci.io import http
from tests.docker.builds import Source, few, job
from tests.docker.daemon import Daemon

pytestmark = pytest.mark.slow


def quiet(line: str) -> None:
    """Nobody listens."""


@pytest.fixture
def builder(daemon: Daemon, image_cache: Path) -> ImageBuilder:
    """With the tests' own daemon, and wheels that are kept between runs."""
    return ImageBuilder(cache=image_cache, environ=daemon.environ)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A model of two files, and one small package."""
    return few(tmp_path / "model")


def inspect(daemon: Daemon, reference: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(daemon.docker("inspect", reference))[0]
    return found


def test_a_release_is_built_once_and_found_again(
    builder: ImageBuilder, source: Source, daemon: Daemon, registry: str, base_image: str
) -> None:
    asked = job(source, image=f"{registry}/acme/once", base=base_image)
    assert builder.find(asked) is None
    built = builder.build(asked, say=quiet)
    assert built.image.name == f"{registry}/acme/once"
    assert built.python.split(".")[:2] == source.python.split(".")[:2]
    assert builder.find(asked) == built.image, "by its tag, and by what it says of itself"

    told = inspect(daemon, built.image.reference)["Config"]
    assert told["User"] == "65532:65532"
    assert told["Entrypoint"][-2:] == ["--settings", "/srv/settings.json"]
    assert told["Entrypoint"][:3] == ["/opt/venv/bin/python", "-m", "mlops_ci.serving"]
    assert told["Healthcheck"]["Test"] == ["CMD", "/opt/venv/bin/python", "-m", "mlops_ci.serving.health"]
    assert "8080/tcp" in told["ExposedPorts"]
    assert told["Labels"][MODEL_DIGEST] == asked.model_digest
    assert told["Labels"][f"{OCI}revision"] == asked.commit
    assert told["Labels"][f"{OCI}base.name"] == base_image

    calls = len(source.calls)
    again = builder.build(asked, say=quiet)
    assert (again.image, again.layers_pushed) == (built.image, 0)
    assert len(source.calls) == calls + 1
    answer = http.call("GET", f"http://{registry}/v2/acme/once/manifests/{built.image.digest}")
    assert answer.status == 200


def test_a_new_model_with_the_same_packages_pushes_one_layer(
    builder: ImageBuilder, source: Source, daemon: Daemon, registry: str, base_image: str
) -> None:
    image = f"{registry}/acme/layers"
    first = builder.build(job(source, image=image, base=base_image), say=quiet)
    (source.model / "weights").write_text("2", "utf-8")
    second = builder.build(job(source, image=image, base=base_image, version="2", commit="d" * 40), say=quiet)
    assert second.image != first.image
    assert second.layers_pushed == 1
    layers = [inspect(daemon, built.image.reference)["RootFS"]["Layers"] for built in (first, second)]
    assert layers[0][:-1] == layers[1][:-1], "the model is the last one"
    assert layers[0][-1] != layers[1][-1]


def test_what_is_installed_is_what_was_locked_and_nothing_that_installs(
    builder: ImageBuilder, source: Source, daemon: Daemon, registry: str, base_image: str
) -> None:
    built = builder.build(job(source, image=f"{registry}/acme/inside", base=base_image), say=quiet)
    ask = "import importlib.metadata as m, os; print(*(d.name for d in m.distributions()), os.getuid())"
    words = ["run", "--rm", "--read-only", "--network", "none", "--entrypoint", "/opt/venv/bin/python"]
    assert daemon.docker(*words, built.image.reference, "-c", ask) == "six 65532"
    settings = daemon.docker(*words, built.image.reference, "-c", "print(open('/srv/settings.json').read())")
    assert json.loads(settings) == {"max_body_mb": 8}
    (part,) = built.sbom["components"]
    assert (part["name"], part["purl"]) == ("six", "pkg:pypi/six@1.17.0")
    assert f"sha256:{part['hashes'][0]['content']}" in (next_requirements(builder, "six")), "the wheel's own hash"
    assert built.sbom["metadata"]["component"]["version"] == built.image.digest


def next_requirements(builder: ImageBuilder, name: str) -> str:
    """The locked list that has the package."""
    texts = [path.read_text("utf-8") for path in builder.cache.glob("*/wheels/requirements.txt")]
    return next(text for text in texts if text.startswith(f"{name}=="))


def test_the_bill_of_materials_fits_its_schema(
    builder: ImageBuilder, source: Source, registry: str, base_image: str
) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    built = builder.build(job(source, image=f"{registry}/acme/bill", base=base_image), say=quiet)
    assert built.sbom["specVersion"] == "1.6"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(built.sbom)) is None


def test_no_password_of_an_index_is_in_the_image(
    builder: ImageBuilder, source: Source, daemon: Daemon, registry: str, base_image: str
) -> None:
    secret = "hunter2-of-the-index"
    line = f"--extra-index-url http://me:{secret}@127.0.0.1:9/simple\n"
    with_index = replace(source, requirements=source.requirements + line)
    lines: list[str] = []
    with pytest.raises(BackendError) as caught:
        builder.build(job(with_index, image=f"{registry}/acme/secret", base=base_image), say=lines.append)
    told = f"{caught.value}{caught.value.hint}{lines}"
    assert secret not in told
    built = builder.build(job(source, image=f"{registry}/acme/secret", base=base_image), say=quiet)
    said = daemon.docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", built.image.reference)
    assert said.count("://") == 1, "the repository's own address"


def test_another_models_image_under_the_tag_is_refused(
    builder: ImageBuilder, source: Source, daemon: Daemon, registry: str, base_image: str
) -> None:
    asked = job(source, image=f"{registry}/acme/taken", base=base_image)
    daemon.docker("tag", base_image, f"{asked.image}:{tag_of(asked)}")
    daemon.docker("push", "--quiet", f"{asked.image}:{tag_of(asked)}")
    with pytest.raises(StaleError, match="is no image of toy with the model"):
        builder.find(asked)


def test_another_python_than_the_one_that_trained_is_refused(
    builder: ImageBuilder, source: Source, registry: str, base_image: str
) -> None:
    asked = job(replace(source, python="3.9.1"), image=f"{registry}/acme/python", base=base_image)
    with pytest.raises(ConfigError, match=r"and the model was trained with 3\.9\.1") as caught:
        builder.build(asked, say=quiet)
    assert "take a base image with Python 3.9 in build.base" in caught.value.hint


def test_a_base_image_without_python_is_refused(
    builder: ImageBuilder, source: Source, daemon: Daemon, registry: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no python here", "utf-8")
    subprocess.run(["tar", "-C", str(tmp_path), "-cf", str(tmp_path / "empty.tar"), "file"], check=True)
    daemon.docker("import", str(tmp_path / "empty.tar"), "nothing:1")
    with pytest.raises(ConfigError, match="nothing:1 has no 'python3' that can make an environment"):
        builder.build(job(source, image=f"{registry}/acme/bare", base="nothing:1"), say=quiet)


def test_a_base_image_that_is_nowhere_is_named(builder: ImageBuilder, source: Source, registry: str) -> None:
    with pytest.raises(BackendError, match=f"the base image {registry}/not/there:1 can't be pulled"):
        builder.build(job(source, image=f"{registry}/acme/lost", base=f"{registry}/not/there:1"), say=quiet)


def test_a_refused_push_is_told_in_the_daemons_words(
    builder: ImageBuilder, source: Source, base_image: str, free: int
) -> None:
    asked = job(source, image=f"127.0.0.1:{free}/acme/refused", base=base_image)
    with pytest.raises(BackendError, match=r"could not be pushed: .*connection refused"):
        builder.build(asked, say=quiet)
    with pytest.raises(BackendError, match="connection refused"):
        builder.find(asked)


def test_a_package_without_a_wheel_or_a_hash_is_refused(
    builder: ImageBuilder, source: Source, registry: str, base_image: str
) -> None:
    folder = replace(source, requirements="./here\n")
    (source.model.parent / "here").mkdir()
    with pytest.raises(BackendError, match="could not be locked"):
        builder.build(job(folder, image=f"{registry}/acme/folder", base=base_image), say=quiet)
    beside = job(source, image=f"{registry}/acme/beside", base=base_image, requirements=("six==1.16.*",))
    with pytest.raises(BackendError, match=r"six==1.16.\*, which serves the model, does not fit"):
        builder.build(beside, say=quiet)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # docker-py forgets a socket here
def test_a_daemon_that_is_down_is_one_clear_error(source: Source, tmp_path: Path) -> None:
    builder = ImageBuilder(cache=tmp_path, environ={"DOCKER_HOST": f"unix://{tmp_path}/no.sock"})
    asked = job(source, image="127.0.0.1:9/acme/down", base="python:3.11-slim")
    for call in (lambda: builder.find(asked), lambda: builder.build(asked, say=quiet)):
        with pytest.raises(BackendError, match="Docker does not answer: No such file or directory") as caught:
            call()
        assert "build: {mode: none}" in caught.value.hint
    del caught
    gc.collect()
