"""The example as a cluster has it: registered, built, served here, promoted to Kubernetes, taken back by a revert."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.backends.keeper.kept_model import python_of
from mlops_ci.backends.kserve.options import service_name
from mlops_ci.io import http
from mlops_ci.stages.smoke import same
from tests.cluster.cluster import Cluster, Namespace
from tests.cluster.fixtures import cluster, namespace
from tests.cluster.kubelet import Kubelet, kubelet
from tests.docker.conftest import base_image, daemon, image_cache, registry
from tests.docker.daemon import Daemon
from tests.e2e.person import Person
from tests.e2e.shop import DOWN, flat
from tests.examples.clone import copy, packages

__all__ = ["base_image", "cluster", "daemon", "image_cache", "namespace", "packages", "registry"]
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.usefixtures("packages")]
MODEL = "flight-delay"


@dataclass(frozen=True)
class Shop:
    """The example's repository, and where its registry and its production are."""

    person: Person
    node: Kubelet
    models: dict[str, Path]
    registry: str
    production: str

    def shipped(self, environment: str) -> dict[str, Any]:
        """Merge, and what is served there since."""
        self.person.mlops("merge")
        details: dict[str, Any] = self.person.result(MODEL, f"deploy-{environment}")["details"]
        release: dict[str, Any] = details["release"]
        kept = self.person.home / f".mlops/serving/{MODEL}/staging/kept/{release['model_digest'][:32]}/model"
        self.models[release["image_digest"]] = kept  # what the cluster's pods will run
        self.node.servers.port(kept)  # a real pod is ready no sooner than its server
        return release

    def staging(self) -> str:
        """Where staging answers."""
        url: str = self.person.result(MODEL, "deploy-staging")["outputs"]["url"]
        return url

    def answers(self, url: str, release: dict[str, Any]) -> bool:
        """Whether a place is the release, and says of flights what was said when it was judged."""
        kept = self.person.home / f".mlops/serving/{MODEL}/staging/kept/{release['model_digest'][:32]}"
        recorded = json.loads((kept / "smoke.json").read_text())
        body = json.dumps(recorded["request"]).encode()
        answer = http.call("POST", f"{url}/v1/models/{MODEL}:predict", body=body)
        assert answer.headers["x-mlops-model-digest"] == release["model_digest"]
        return same(json.loads(answer.body)["predictions"], recorded["predictions"])


@pytest.fixture
def shop(
    cluster: Cluster, namespace: Namespace, daemon: Daemon, registry: str, base_image: str, tmp_path: Path
) -> Iterator[Shop]:
    plain = copy(MODEL, tmp_path / MODEL)
    shutil.copy(plain.home / "mlops-cluster.yaml", plain.home / "mlops.yaml")
    plain.commit("Serve here and in a cluster")
    models: dict[str, Path] = {}
    with kubelet(namespace, tmp_path, MODEL, models, python=lambda folder: python_of(folder.parent)) as node:
        url = node.address(f"{service_name(MODEL, 'production', namespace.name)}-predictor")
        places = {"IMAGE": f"{registry}/acme/{MODEL}", "BASE": base_image}
        places |= {"NAMESPACE": namespace.name, "PRODUCTION_URL": url, "KUBECONFIG": str(cluster.kubeconfig)}
        person = Person(plain.home, {**daemon.environ, **places})
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
    assert shop.answers(shop.staging(), first)
    manifest = http.call("GET", f"http://{shop.registry}/v2/acme/{MODEL}/manifests/{first['image_digest']}")
    assert manifest.status == 200, "the image is in the registry, by its digest"

    person.mlops("forge", "merge", "1")
    assert shop.shipped("production") == first, "verbatim"
    assert shop.answers(shop.production, first)

    person.branch("better")
    params = (person.home / "params.yaml").read_text()
    person.write("params.yaml", params.replace("iterations: 10", "iterations: 40").replace("leaves: 7", "leaves: 15"))
    person.commit("Let the trees grow")
    person.mlops("pull-request")
    assert person.result(MODEL, "evaluate")["details"]["verdict"] == "better"
    person.merge("better")
    second = shop.shipped("staging")
    assert second["image_digest"] != first["image_digest"]
    person.mlops("forge", "merge", "2")
    assert shop.shipped("production") == second
    assert shop.answers(shop.production, second)
    assert "already done" in flat(person.mlops("plan"))
    person.mlops("status")

    runs, images = len(person.runs()), tags(shop)
    person.git("revert", "--no-edit", "HEAD")
    away = Person(person.home, {**person.environ, **DOWN})
    (person.home / ".mlops/mlflow.db").rename(person.home / ".mlops/gone.db")
    away.mlops("merge")
    (person.home / ".mlops/gone.db").rename(person.home / ".mlops/mlflow.db")
    assert shop.answers(shop.production, first), "taken back with the tracking server down"
    person.mlops("merge")
    person.mlops("status")
    assert len(person.runs()) == runs, "nothing was trained"
    assert tags(shop) == images, "nothing was built"


def tags(shop: Shop) -> list[str]:
    """What the registry holds."""
    answer = http.call("GET", f"http://{shop.registry}/v2/acme/{MODEL}/tags/list")
    found: dict[str, Any] = json.loads(answer.body)
    return sorted(found["tags"] or [])
