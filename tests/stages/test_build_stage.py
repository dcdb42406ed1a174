"""Packing a version without an image, and what is said where none can be built: real MLflow, no Docker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.image.builder import ImageBuilder
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import BackendError, ConfigError, GateFailed, StaleError
from mlops_ci.records.plans import Action
from mlops_ci.stages import build
from tests.stages.building import Registered, registered

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def place(tmp_path: Path) -> Registered:
    """A registered version whose Docker is down."""
    down = ImageBuilder(cache=tmp_path / "cache", environ={"DOCKER_HOST": f"unix://{tmp_path}/no.sock"})
    return registered(tmp_path, builder=down)


def model(root: Path, options: Mapping[str, Any], *targets: str) -> Model:
    places = tuple(Environment(name=f"e{index}", target=target) for index, target in enumerate(targets))
    return Model(name="toy", root=root, build=options, environments=places)


def test_without_an_image_the_version_says_where_its_model_lies(place: Registered) -> None:
    toy = model(place.root, {"mode": "none"}, "local")
    planned = build.plan(toy, place.version, place.yard)
    step = planned.step
    assert step.action is Action.DO
    assert "build nothing (mode: none): KServe's storage initializer fetches the model from file:" in step.what
    result = build.apply(planned, place.yard, say=lambda line: None)
    uri = place.now().tags["storage_uri"]
    assert uri.endswith(f"{place.version.run_id}/artifacts/model")
    assert Path(uri.removeprefix("file://")).is_dir()
    assert (result.details["how"], result.outputs["storage-uri"]) == ("artifact", uri)

    again = build.plan(toy, place.now(), place.yard)
    assert again.step.action is Action.DONE
    assert again.step.what.startswith("version 1 has no image: KServe's storage initializer fetches")
    assert build.apply(again, place.yard, say=lambda line: None).details["how"] == "recorded"


def test_files_that_kserve_would_load_itself_are_looked_at_first(tmp_path: Path) -> None:
    down = ImageBuilder(cache=tmp_path / "cache", environ={"DOCKER_HOST": f"unix://{tmp_path}/no.sock"})
    place = registered(tmp_path, builder=down, extra={"model/model.pkl": b"cposix\ngetpid\n(tR."})
    none = model(place.root, {"mode": "none"}, "local")
    strict = replace(none, serving={"formats": ["skops"]})
    for _ in range(2):
        planned = build.plan(strict, place.now(), place.yard)
        with pytest.raises(GateFailed, match=r"model\.pkl is a pickle file, which is not allowed here") as told:
            build.apply(planned, place.yard, say=lambda line: None)
        assert "heeds no serving.formats" in told.value.hint
        assert "storage_uri" not in place.now().tags
    lenient = replace(none, serving={"formats": ["pickle"]})
    build.apply(build.plan(lenient, place.now(), place.yard), place.yard, say=lambda line: None)
    assert "storage_uri" in place.now().tags
    with pytest.raises(GateFailed, match=r"model\.pkl is a pickle file"):
        build.apply(build.plan(strict, place.now(), place.yard), place.yard, say=lambda line: None)


def test_what_a_cluster_cannot_fetch_is_refused(place: Registered) -> None:
    with pytest.raises(ConfigError, match="can't fetch the model from 'file:', and e1 needs it to") as caught:
        build.plan(model(place.root, {"mode": "none"}, "local", "kserve"), place.version, place.yard)
    assert "artifacts: 's3://bucket/path'" in caught.value.hint
    assert "storage_uri" not in place.now().tags


def test_a_version_that_has_its_image_needs_no_docker(place: Registered) -> None:
    image = {"image": "ghcr.io/acme/toy", "image_digest": f"sha256:{'1' * 64}"}
    place.yard.registry.annotate(place.version, image)
    planned = build.plan(model(place.root, {"image": "ghcr.io/acme/another"}, "local"), place.now(), place.yard)
    assert planned.step.action is Action.DONE
    assert planned.step.what == f"version 1 is ghcr.io/acme/toy@sha256:{'1' * 64}"
    result = build.apply(planned, place.yard, say=lambda line: None)
    assert (result.details["how"], result.outputs["image-digest"]) == ("recorded", image["image_digest"])


def test_docker_that_is_down_is_told_before_anything_is_done(place: Registered) -> None:
    with pytest.raises(BackendError, match="Docker does not answer"):
        build.plan(model(place.root, {"image": "127.0.0.1:9/toy"}, "local"), place.version, place.yard)


def test_another_digest_than_the_recorded_one_is_refused(place: Registered) -> None:
    from mlops_ci.records.building import Image

    toy = model(place.root, {"image": "ghcr.io/acme/toy"}, "local")
    found = Image(name="ghcr.io/acme/toy", digest=f"sha256:{'2' * 64}")
    planned = build.Plan(model=toy, version=place.version, found=found)
    assert planned.step.what.startswith(f"take {found.reference}")
    place.yard.registry.annotate(place.version, {"image": found.name, "image_digest": f"sha256:{'1' * 64}"})
    with pytest.raises(StaleError, match="has image_digest sha256:1111"):
        build.apply(planned, place.yard, say=lambda line: None)
    assert place.now().tags["image_digest"] == f"sha256:{'1' * 64}"


def test_an_image_of_an_interpreters_packages_is_refused(place: Registered) -> None:
    toy = model(place.root, {"image": "ghcr.io/acme/toy"}, "local")
    with pytest.raises(ConfigError, match=r"train\.environment names a Python"):
        build.require_files(toy, (), where="mlops.yaml:4")
    build.require_files(toy, ("requirements.txt",), where="")
    build.require_files(model(place.root, {"mode": "none"}), (), where="")
