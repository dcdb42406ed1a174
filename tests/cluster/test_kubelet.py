"""Answers of simulated pods follow what the cluster says is ready."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_ci.errors import BackendError
from mlops_ci.io import http
from tests.backends.toys import make_sources
from tests.cluster.cluster import Namespace
from tests.cluster.kubelet import kubelet
from tests.cluster.test_cluster import service

pytestmark = pytest.mark.slow
ONE, TWO = "registry.invalid/toy@sha256:" + "1" * 64, "registry.invalid/toy@sha256:" + "2" * 64


def test_a_service_answers_with_the_model_of_its_ready_pods(namespace: Namespace, tmp_path: Path) -> None:
    sources = make_sources(tmp_path / "models")
    models = {ONE: sources[0] / "model", TWO: sources[1] / "model"}
    path = namespace.service_path("toy")
    with kubelet(namespace, tmp_path, "toy", models) as node:
        url = node.address("toy-predictor")
        with pytest.raises(BackendError, match="no answer"):
            answer(url)
        namespace.api.apply(path, service("toy", ONE))
        namespace.ready("toy")
        until_endpoint(namespace, ONE)
        assert answer(url) == 1.0
        namespace.api.apply(path, service("toy", TWO))
        until_endpoint(namespace, TWO)
        assert answer(url) == 2.0
        assert node.address("toy-predictor") == url


def until_endpoint(namespace: Namespace, image: str) -> None:
    """Wait until the service's only endpoint is a pod of this image."""
    slices = namespace.path("endpointslices", group="/apis/discovery.k8s.io/v1")

    def only(found: dict[str, list[dict[str, list[dict[str, dict[str, str]]]]]]) -> bool:
        names = [one["targetRef"]["name"] for piece in found["items"] for one in piece["endpoints"] or []]
        pods = [namespace.api.get(namespace.path("pods", name)) for name in names]
        return [pod["spec"]["containers"][0]["image"] for pod in pods if pod is not None] == [image]

    namespace.api.wait(slices, only)


def answer(url: str) -> float:
    body = json.dumps({"dataframe_split": {"columns": ["x"], "data": [[1.0]]}}).encode()
    found = http.call("POST", f"{url}/v1/models/toy:predict", body=body)
    value: float = json.loads(found.body)["predictions"][0]
    return value
