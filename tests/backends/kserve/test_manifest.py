"""What KServe is asked for: snapshots, names, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.kserve.manifest import release_of, render, served_image
from mlops_ci.backends.kserve.options import KserveOptions, service_name
from mlops_ci.config.problems import schema
from mlops_ci.errors import ConfigError
from mlops_ci.records.models import Release

SNAPSHOTS = Path(__file__).parent / "snapshots"
RELEASE = Release(
    model="toy",
    version="3",
    model_digest="a" * 64,
    inputs_digest="b" * 64,
    run_id="run",
    image="ghcr.io/acme/toy",
    image_digest=f"sha256:{'c' * 64}",
    commit="d" * 40,
    verdict="better",
    serving={"max_body_mb": "1", "log": '{"sample": 0.5}'},
)
STORED = dataclasses.replace(RELEASE, image="", image_digest="", storage_uri="s3://models/toy/3", serving={})
ASKED: dict[str, Any] = {
    "replicas": 2,
    "max_replicas": 4,
    "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "4Gi"}},
    "service_account": "toy",
    "pull_secret": "registry",
    "requires": {"approvals": 1},
}


def options(**asked: Any) -> KserveOptions:
    return KserveOptions.of("production", "ml", asked)


@pytest.mark.parametrize(
    ("name", "release", "asked"),
    [
        ("standard", RELEASE, ASKED),
        ("knative", RELEASE, {"mode": "Knative"}),
        ("stored", STORED, {}),
    ],
)
def test_a_release_is_rendered_as_before(name: str, release: Release, asked: dict[str, Any]) -> None:
    """A change here replaces every pod with the next merge: it belongs into the changelog."""
    found = json.loads(json.dumps(render(release, "production", options(**asked))))
    assert found == json.loads((SNAPSHOTS / f"kserve-{name}.json").read_text("utf-8"))
    assert release_of(found) == release


def test_what_says_nothing_of_the_pods_leaves_them_alone() -> None:
    one, other = (render(RELEASE, "production", options(replicas=count)) for count in (1, 3))
    assert one["metadata"] == other["metadata"]
    more = render(RELEASE, "production", options(resources={"requests": {"cpu": "2"}}))
    assert more["metadata"] != one["metadata"]


def test_the_image_is_named_by_its_digest() -> None:
    pod = render(RELEASE, "production", options())["spec"]["predictor"]
    assert served_image(pod) == f"ghcr.io/acme/toy@sha256:{'c' * 64}"
    assert served_image({}) == ""


def test_a_share_of_traffic_is_knatives() -> None:
    found = render(RELEASE, "production", options(mode="Knative"), percent=10)
    assert found["spec"]["predictor"]["canaryTrafficPercent"] == 10
    assert found["metadata"] == render(RELEASE, "production", options(mode="Knative"))["metadata"], "no new revision"
    with pytest.raises(ConfigError, match="only KServe's Knative mode"):
        render(RELEASE, "production", options(), percent=10)


def test_a_release_without_image_and_storage_is_refused() -> None:
    with pytest.raises(ConfigError, match="neither an image nor a storage URI for production"):
        render(dataclasses.replace(STORED, storage_uri=""), "production", options())


def test_what_an_environment_can_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="environment 'production' has no namespace"):
        KserveOptions.of("production", "", {})
    with pytest.raises(ConfigError, match="splits no traffic in Standard mode"):
        options(canary={"steps": [10]})
    assert options(canary={"steps": [10]}, mode="Knative").canary == {"steps": [10]}


def test_the_defaults_are_the_schemas() -> None:
    environment = schema()["properties"]["models"]["additionalProperties"]["properties"]["environments"]
    keys = environment["additionalProperties"]["properties"]
    for field in dataclasses.fields(KserveOptions):
        if field.name not in ("namespace", "resources", "canary"):
            assert keys[field.name]["default"] == field.default, field.name
    asked = keys["resources"]["properties"]["requests"]["properties"]
    assert options().resources["requests"] == {name: value["default"] for name, value in asked.items()}


@pytest.mark.parametrize(
    ("model", "environment", "namespace", "name"),
    [
        ("toy", "production", "ml", "toy-production"),
        ("3d", "staging", "ml", "m-3d-staging"),
        ("a" * 63, "production", "ml", f"{'a' * 41}-48ec963c"),
        ("toy-", "x", "n" * 63, "toy--x"),
    ],
)
def test_names_fit_into_host_names(model: str, environment: str, namespace: str, name: str) -> None:
    found = service_name(model, environment, namespace)
    assert found == name
    assert len(found) <= 63


def test_names_that_were_shortened_do_not_meet() -> None:
    one, other = (service_name("a" * 60 + last, "production", "ml") for last in "bc")
    assert one != other
