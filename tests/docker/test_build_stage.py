"""A version is packed into one image, whatever is killed in between: real MLflow, a real daemon, a real registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_ci.backends.image.builder import ImageBuilder
from mlops_ci.config.types import Model
from mlops_ci.errors import StaleError
from mlops_ci.ports.building import BuildJob, Built
from mlops_ci.ports.say import Say
from mlops_ci.records.plans import Action
from mlops_ci.stages import build
from tests.docker.daemon import Daemon
from tests.stages.building import Registered, registered

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


class Killed(Exception):
    """The run ended here."""


class KilledAfterPush(ImageBuilder):
    """A run that is killed when the image is pushed, before its version is told."""

    def build(self, job: BuildJob, *, say: Say) -> Built:
        super().build(job, say=say)
        raise Killed


def quiet(line: str) -> None:
    """Nobody listens."""


def place(root: Path, daemon: Daemon, cache: Path) -> Registered:
    return registered(root, builder=ImageBuilder(cache=cache, environ=daemon.environ))


def toy(root: Path, image: str, base: str) -> Model:
    return Model(name="toy", root=root, build={"image": image, "base": base})


def test_a_version_gets_its_image_once(
    tmp_path: Path, daemon: Daemon, registry: str, base_image: str, image_cache: Path
) -> None:
    here = place(tmp_path, daemon, image_cache)
    model = toy(tmp_path, f"{registry}/stage/once", base_image)
    planned = build.plan(model, here.version, here.yard)
    assert planned.step.sentence() == (
        f"build: do: build version 1 into {registry}/stage/once upon {base_image}, and push it"
    )
    result = build.apply(planned, here.yard, say=quiet)
    tags = here.now().tags
    assert (result.details["how"], result.details["image_digest"]) == ("built", tags["image_digest"])
    assert tags["image"] == f"{registry}/stage/once"
    reference = f"{tags['image']}@{tags['image_digest']}"
    assert json.loads(daemon.docker("inspect", reference))[0]["Config"]["Labels"]["io.github.mlops-ci.run"]

    kept = here.yard.tracker.fetch(here.version.run_id, "sbom.json", tmp_path / "fetched")
    assert kept is not None
    told = json.loads(kept.read_text("utf-8"))
    assert told == json.loads((tmp_path / result.details["sbom"]).read_text("utf-8"))
    assert told["metadata"]["component"]["version"] == tags["image_digest"]

    again = build.plan(model, here.now(), here.yard)
    assert again.step.sentence() == f"build: already done: version 1 is {reference}"
    assert build.apply(again, here.yard, say=quiet).details["how"] == "recorded"


def test_what_was_pushed_before_a_kill_is_taken_and_not_built_again(
    tmp_path: Path, daemon: Daemon, registry: str, base_image: str, image_cache: Path
) -> None:
    here = registered(tmp_path, builder=KilledAfterPush(cache=image_cache, environ=daemon.environ))
    model = toy(tmp_path, f"{registry}/stage/killed", base_image)
    with pytest.raises(Killed):
        build.apply(build.plan(model, here.version, here.yard), here.yard, say=quiet)
    assert "image_digest" not in here.now().tags
    planned = build.plan(model, here.now(), here.yard)
    assert planned.step.action is Action.DO
    assert planned.found is not None
    assert planned.step.what == f"take {planned.found.reference}, which has this model, for version 1"
    assert build.apply(planned, here.yard, say=quiet).details["how"] == "adopted"
    assert here.now().tags["image_digest"] == planned.found.digest


def test_a_stored_model_that_was_changed_is_not_built(
    tmp_path: Path, daemon: Daemon, registry: str, base_image: str, image_cache: Path
) -> None:
    here = place(tmp_path, daemon, image_cache)
    (here.stored / "MLmodel").write_text("forged", "utf-8")
    planned = build.plan(toy(tmp_path, f"{registry}/stage/forged", base_image), here.version, here.yard)
    with pytest.raises(StaleError, match="the stored model is not the one that was released"):
        build.apply(planned, here.yard, say=quiet)
    assert "image_digest" not in here.now().tags
