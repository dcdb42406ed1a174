"""From a merge to a cluster: registered, built, served here, promoted to Kubernetes, and taken back by a revert."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.kserve_options import service_name
from mlops_ci.io import http
from tests.cluster.cluster import Cluster, Namespace
from tests.cluster.fixtures import cluster, namespace
from tests.cluster.kubelet import Kubelet, kubelet
from tests.docker.builds import pins
from tests.docker.conftest import base_image, daemon, image_cache, registry
from tests.docker.daemon import Daemon
from tests.e2e.person import Person
from tests.e2e.shop import DOWN, TRACKING, ask, flat
from tests.e2e.toy import config, params

__all__ = ["base_image", "cluster", "daemon", "image_cache", "namespace", "registry"]
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]
PLACES = """\
    build: {{image: "{image}", base: "{base}"}}
    environments:
      staging: {{target: local}}
      production: {{target: kserve, namespace: {namespace}, url: "{url}", ready_seconds: 120}}
"""
REQUIREMENTS = "-c pins.txt\nmlflow\npandas\nscikit-learn\n"


@dataclass(frozen=True)
class Shop:
    """A model repository, the cluster that its production is in, and where that answers."""

    person: Person
    node: Kubelet
    models: dict[str, Path]
    registry: str
    production: str

    def shipped(self, environment: str) -> dict[str, Any]:
        """Merge, and what is served there since."""
        self.person.mlops("merge")
        details: dict[str, Any] = self.person.result("toy", f"deploy-{environment}")["details"]
        release: dict[str, Any] = details["release"]
        kept = self.person.home / f".mlops/serving/toy/staging/kept/{release['model_digest'][:32]}/model"
        self.models[release["image_digest"]] = kept  # what the cluster's pods will run
        return release


@pytest.fixture
def shop(
    toy: Person,
    cluster: Cluster,
    namespace: Namespace,
    daemon: Daemon,
    registry: str,
    base_image: str,
    tmp_path: Path,
) -> Iterator[Shop]:
    models: dict[str, Path] = {}
    with kubelet(namespace, tmp_path, "toy", models) as node:
        url = node.address(f"{service_name('toy', 'production', namespace.name)}-predictor")
        places = PLACES.format(image=f"{registry}/acme/toy", base=base_image, namespace=namespace.name, url=url)
        text = config(sys.executable).replace("version: 1\n", f"version: 1\n{TRACKING}")
        text = text[: text.index("    environments:")].replace(f'"{sys.executable}"', "requirements.txt") + places
        toy.write("mlops.yaml", text)
        toy.write("requirements.txt", REQUIREMENTS)
        toy.write("pins.txt", pins())
        toy.commit("Serve here and in a cluster")
        person = Person(toy.home, {**daemon.environ, "KUBECONFIG": str(cluster.kubeconfig)})
        yield Shop(person, node, models, registry, url)
        person.mlops("serve", "stop", "--all")


def test_a_merge_ships_to_a_cluster_and_a_revert_takes_it_back(shop: Shop) -> None:
    person = shop.person
    person.mlops("pull-request")
    person.merge("first")
    planned = flat(person.mlops("plan"))
    assert "register: do: " in planned
    assert "build: do: " in planned
    first = shop.shipped("staging")
    assert ask(person.result("toy", "deploy-staging")["outputs"]["url"]) == (first["model_digest"], 200)
    manifest = http.call("GET", f"http://{shop.registry}/v2/acme/toy/manifests/{first['image_digest']}")
    assert manifest.status == 200, "the image is in the registry, by its digest"

    person.mlops("forge", "merge", "1")
    assert shop.shipped("production") == first, "verbatim"
    assert ask(shop.production) == (first["model_digest"], 200)

    person.branch("better")
    person.write("params.yaml", params("ab"))
    person.commit("Use b as well")
    person.mlops("pull-request")
    assert person.result("toy", "evaluate")["details"]["verdict"] == "better"
    person.merge("better")
    second = shop.shipped("staging")
    assert second["image_digest"] != first["image_digest"]
    person.mlops("forge", "merge", "2")
    assert shop.shipped("production") == second
    assert ask(shop.production) == (second["model_digest"], 200)
    assert "already done" in flat(person.mlops("plan"))
    person.mlops("status")

    runs, images = len(person.runs()), tags(shop)
    person.git("revert", "--no-edit", "HEAD")
    away = Person(person.home, {**person.environ, **DOWN})
    (person.home / ".mlops/mlflow.db").rename(person.home / ".mlops/gone.db")
    away.mlops("merge")
    (person.home / ".mlops/gone.db").rename(person.home / ".mlops/mlflow.db")
    assert ask(shop.production) == (first["model_digest"], 200), "taken back with the tracking server down"
    person.mlops("merge")
    person.mlops("status")
    assert len(person.runs()) == runs, "nothing was trained"
    assert tags(shop) == images, "nothing was built"


def tags(shop: Shop) -> list[str]:
    """What the registry holds."""
    answer = http.call("GET", f"http://{shop.registry}/v2/acme/toy/tags/list")
    found: dict[str, Any] = json.loads(answer.body)
    return sorted(found["tags"] or [])
