"""The rights in docs/kserve.md: enough for the whole contract, each of them needed, and nothing besides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops_ci.backends.kserve.target import KserveTarget
from mlops_ci.errors import BackendError, GateFailed
from mlops_ci.records.models import Release
from tests.backends.deployer_contract import ENVIRONMENT, DeployerContract, Stage
from tests.cluster.api import ApiError
from tests.cluster.cluster import RBAC, Cluster, Namespace
from tests.cluster.kserve_stage import CHILD, NAME, OWN, stage_of, stuck, target_of
from tests.cluster.kubelet import Kubelet

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "docs/kserve.md"
ACCOUNT = "mlops-ci"
FOLDERS = {
    "ServiceAccount": ("serviceaccounts", "/api/v1"),
    "Role": ("roles", RBAC),
    "RoleBinding": ("rolebindings", RBAC),
}


def documented(namespace: str) -> list[dict[str, Any]]:
    """The manifest of the page, for the toy model in a namespace."""
    snippets = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    text = next(snippet for snippet in snippets if "kind: Role\n" in snippet)
    text = text.replace("flight-delay-production", NAME).replace("namespace: ml", f"namespace: {namespace}")
    return list(yaml.safe_load_all(text))


def rules(namespace: str = "any") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = next(one for one in documented(namespace) if one["kind"] == "Role")["rules"]
    return found


def access(namespace: Namespace, folder: Path, *, without: tuple[int, str] | None = None) -> Path:
    """Apply the manifest, without one verb of one rule; the kubeconfig of its account."""
    for document in documented(namespace.name):
        if document["kind"] == "Role" and without is not None:
            document["rules"][without[0]]["verbs"].remove(without[1])
            document["rules"] = [rule for rule in document["rules"] if rule["verbs"]]
        plural, group = FOLDERS[document["kind"]]
        namespace.api.create(namespace.path(plural, group=group), document)
    return namespace.kubeconfig_of(ACCOUNT, folder)


@pytest.fixture
def stage(
    namespace: Namespace, node: Kubelet, releases: list[Release], sources: list[Path], tmp_path: Path
) -> Iterator[Stage]:
    target = target_of(access(namespace, tmp_path), namespace, node.address(CHILD))
    yield stage_of(target, releases, sources)


class TestWithTheseRights(DeployerContract):
    """The contract, with exactly the documented rights."""


def needed(mode: str) -> list[tuple[int, str]]:
    """Every verb of every rule without which a mode does not deploy; those that only tell more are not among them."""
    other = "deployments" if mode == "Knative" else "services"
    return [
        (index, verb)
        for index, rule in enumerate(rules())
        for verb in rule["verbs"]
        if rule["resources"][0] not in ("pods", "pods/log", other)
    ]


@pytest.mark.parametrize("without", needed("Standard"))
def test_each_right_is_needed(
    namespace: Namespace,
    node: Kubelet,
    releases: list[Release],
    sources: list[Path],
    tmp_path: Path,
    without: tuple[int, str],
) -> None:
    target = target_of(access(namespace, tmp_path, without=without), namespace, node.address(CHILD))
    with pytest.raises(BackendError, match="the cluster forbids it") as caught:
        stage_of(target, releases, sources).deploy(0)
        target.delete("toy", ENVIRONMENT, sequence=None)
    assert "kserve.md, 'Rights'" in caught.value.hint


def test_knative_services_are_read_in_knative_mode(
    namespace: Namespace, releases: list[Release], sources: list[Path], tmp_path: Path
) -> None:
    (index,) = (number for number, rule in enumerate(rules()) if rule["resources"] == ["services"])
    config = access(namespace, tmp_path, without=(index, "get"))
    target = target_of(config, namespace, "http://127.0.0.1:9", mode="Knative")
    with pytest.raises(BackendError, match=r"the cluster forbids it: .*knative"):
        stage_of(target, releases, sources).deploy(0)


def hint_of_a_failure(target: KserveTarget, releases: list[Release], sources: list[Path]) -> str:
    with pytest.raises(GateFailed) as caught:
        stage_of(target, [stuck(releases[0])], sources).deploy(0)
    return caught.value.hint


def test_rights_to_pods_are_for_what_is_told_of_a_failure(
    cluster: Cluster,
    namespace: Namespace,
    releases: list[Release],
    sources: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (index,) = (number for number, rule in enumerate(rules()) if rule["resources"] == ["pods", "events"])
    url = "http://127.0.0.1:9"
    less = target_of(access(namespace, tmp_path, without=(index, "list")), namespace, url, ready_seconds=2)
    assert "pod toy" not in hint_of_a_failure(less, releases, sources)
    another = cluster.namespace()
    asked: list[str] = []
    all_of_it = target_of(access(another, tmp_path), another, url, ready_seconds=2)
    call = all_of_it.client.api.request

    def record(method: str, address: str, **options: Any) -> Any:
        asked.append(address)
        return call(method, address, **options)

    monkeypatch.setattr(all_of_it.client.api, "request", record)
    assert "pod toy" in hint_of_a_failure(all_of_it, releases, sources)
    assert any(address.endswith("/events") for address in asked)
    assert any(address.endswith("/log") for address in asked)


@pytest.mark.parametrize(
    ("method", "plural", "name", "group"),
    [
        ("GET", "secrets", "", "/api/v1"),
        ("GET", "secrets", "another", "/api/v1"),
        ("DELETE", "secrets", OWN, "/api/v1"),
        ("GET", "configmaps", "", "/api/v1"),
        ("DELETE", "pods", "any", "/api/v1"),
        ("GET", "inferenceservices", "", "/apis/serving.kserve.io/v1beta1"),
        ("GET", "inferenceservices", "another", "/apis/serving.kserve.io/v1beta1"),
        ("DELETE", "deployments", CHILD, "/apis/apps/v1"),
        ("GET", "leases", "another", "/apis/coordination.k8s.io/v1"),
        ("GET", "roles", "", RBAC),
    ],
)
def test_nothing_else_is_allowed(
    namespace: Namespace, tmp_path: Path, method: str, plural: str, name: str, group: str
) -> None:
    theirs = Cluster.of(access(namespace, tmp_path)).api
    assert forbidden(theirs, method, namespace.path(plural, name, group=group))
    elsewhere = Namespace(name="default", api=namespace.api)
    assert forbidden(theirs, "GET", elsewhere.path("inferenceservices", NAME, group="/apis/serving.kserve.io/v1beta1"))
    assert forbidden(theirs, "GET", elsewhere.path("secrets", OWN))


def forbidden(api: Any, method: str, path: str) -> bool:
    with pytest.raises(ApiError) as caught:
        api.call(method, path)
    return caught.value.status == 403
