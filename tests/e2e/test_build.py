"""Between registering and serving: what a merge packs, says, and leaves alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.e2e.person import Person
from tests.e2e.toy import config

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
PLACE = "environments:\n      production: {target: local}"


@pytest.fixture
def judged(toy: Person) -> Iterator[Person]:
    """A judged and merged model; whatever it serves is stopped at the end."""
    toy.mlops("pull-request")
    toy.merge("first")
    yield toy
    toy.mlops("serve", "stop", "--all")


def flat(text: str) -> str:
    return " ".join(text.split())


def ask_for(person: Person, build: str) -> None:
    """Commit another `build:` on the default branch."""
    person.write("mlops.yaml", config(sys.executable).replace(PLACE, f"build: {build}\n    {PLACE}"))
    person.commit("Pack it")


def test_a_version_is_packed_once_and_what_serves_is_packed_later(judged: Person) -> None:
    judged.mlops("merge")
    before = judged.result("toy", "deploy-production")["details"]["release"]
    assert before["storage_uri"] == ""

    ask_for(judged, "{mode: none}")
    said = flat(judged.mlops("plan"))
    assert "register: already done: version 1" in said
    assert "build: do: build nothing (mode: none): KServe's storage initializer fetches the model from" in said
    judged.mlops("merge")
    packed = judged.result("toy", "build")["details"]
    assert packed["how"] == "artifact"
    release = judged.result("toy", "deploy-production")["details"]["release"]
    assert release == {**before, "storage_uri": packed["storage_uri"]}

    said = flat(judged.mlops("plan"))
    assert "build:" not in said, "what serves is packed"
    assert "deploy-production: already done" in said
    assert "version 1 has no image" in flat(judged.mlops("build", "--model", "toy", "--dry-run"))
    judged.mlops("status")


def test_an_image_that_cannot_be_built_is_told_before_and_stops_what_needs_it(judged: Person) -> None:
    ask_for(judged, "{image: 127.0.0.1:9/toy}")
    assert "an image needs its packages described in a file" in flat(judged.mlops("check", expect=2))
    said = flat(judged.mlops("plan", expect=2))
    assert "build: blocked by: mlops.yaml:" in said
    assert "train.environment names a Python" in said
    assert "deploy-production: blocked by: build" in said
    judged.mlops("merge", expect=2)
    assert judged.result("toy", "register")["status"] == "passed"
    assert judged.result("toy", "build")["failure"]["exit_code"] == 2
    assert not (judged.home / ".mlops/results/toy/deploy-production.json").exists()


def test_an_environment_that_needs_an_image_is_refused_at_once(toy: Person) -> None:
    toy.write("mlops.yaml", config(sys.executable).replace("{target: local}", "{target: docker}"))
    said = flat(toy.mlops("check", expect=2))
    assert "mlops.yaml:18: models.toy.environments.production: target 'docker' needs an image" in said
