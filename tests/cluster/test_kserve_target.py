"""Releases served by KServe on a real cluster, through every kind of end."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest

from mlops_ci.backends.kserve import schema as kserve_schema
from mlops_ci.backends.kserve.manifest import release_of, render
from mlops_ci.backends.kserve.options import KserveOptions
from mlops_ci.backends.kserve.target import KserveTarget
from mlops_ci.errors import BackendError, ConfigError, GateFailed
from mlops_ci.records.models import Release
from tests.backends.deployer_contract import ENVIRONMENT, DeployerContract, Stage
from tests.cluster.api import condition
from tests.cluster.cluster import Cluster, Namespace
from tests.cluster.kserve_stage import CHILD, NAME, OWN, imaged, stage_of, stuck, target_of
from tests.cluster.kubelet import Kubelet

pytestmark = pytest.mark.slow
MOST = "spec.predictor.maxReplicas"


class TestKserveTarget(DeployerContract):
    """The contract, in a cluster."""


def versions(namespace: Namespace) -> list[str]:
    """The resource versions of all that a deployment writes."""
    found = [namespace.service(NAME), namespace.deployment(CHILD), namespace.api.get(namespace.path("secrets", OWN))]
    return [one["metadata"]["resourceVersion"] for one in found]


def by_hand(namespace: Namespace, predictor: dict[str, Any]) -> None:
    """Change fields as kubectl edit does."""
    path = f"{namespace.service_path(NAME)}?fieldManager=kubectl-edit"
    namespace.api.merge(path, {"spec": {"predictor": predictor}})


def test_what_serves_already_is_not_written(stage: Stage, namespace: Namespace) -> None:
    stage.deploy(0)
    before = versions(namespace)
    assert stage.deploy(0)[1] is False
    assert versions(namespace) == before


def test_pods_that_never_become_ready_are_taken_back_though_kserve_calls_it_ready(
    stage: Stage, namespace: Namespace, cluster: Cluster, node: Kubelet
) -> None:
    served, _ = stage.deploy(0)
    short = target_of(cluster.kubeconfig, namespace, node.address(CHILD), ready_seconds=10)
    short_stage = stage_of(short, [stage.releases[0], stuck(stage.releases[1])], list(stage.sources))
    seen: list[str] = []

    def say(line: str) -> None:
        if line.startswith("1 of 1 pods updated, 1 available, 2 in all"):
            seen.append(condition(namespace.service(NAME), "Ready"))

    short_stage.say = say
    with pytest.raises(GateFailed, match=r"not ready within 10 s: 1 of 1 pods updated") as caught:
        short_stage.deploy(1)
    assert seen[0] == "True", "which is what must not be believed"
    assert "pod toy-production-predictor" in caught.value.hint
    assert "what served before serves on" in caught.value.hint
    assert release_of(namespace.service(NAME)) == stage.releases[0]
    assert stage.answer(served.url) == 1.0
    now = stage.serving()
    assert now is not None
    assert (now.release, now.answering, now.altered) == (stage.releases[0], True, "")
    assert stage.deploy(0)[1] is False


def test_a_first_release_that_fails_leaves_nothing(stage: Stage, namespace: Namespace) -> None:
    with pytest.raises(GateFailed, match="serves the model") as caught:
        stage.deploy(0, wanted="0" * 64)
    assert "nothing served here before" in caught.value.hint
    assert namespace.service(NAME) is None
    assert stage.serving() is None
    assert stage.deployer.recorded("toy", ENVIRONMENT) == ()


def test_what_was_changed_by_hand_is_told_and_stops_with_field_and_owner(
    stage: Stage, namespace: Namespace, cluster: Cluster, node: Kubelet
) -> None:
    stage.deploy(0)
    by_hand(namespace, {"maxReplicas": 2})
    altered = stage.serving()
    assert altered is not None
    assert altered.altered == f"{MOST} of its InferenceService was changed by hand"
    before = namespace.service(NAME)["metadata"]["resourceVersion"]
    with pytest.raises(BackendError, match="somebody else has fields") as caught:
        stage.deploy(0)
    words = f"{caught.value.message}\n{caught.value.hint}"
    assert f'.{MOST}: conflict with "kubectl-edit"' in words
    assert "kubectl -n" in words
    assert namespace.service(NAME)["metadata"]["resourceVersion"] == before

    taking = target_of(cluster.kubeconfig, namespace, node.address(CHILD), force_conflicts=True)
    assert stage_of(taking, list(stage.releases), list(stage.sources)).deploy(0)[1] is True
    healed = stage.serving()
    assert healed is not None
    assert healed.altered == ""


def test_another_image_by_hand_is_not_the_release(stage: Stage, namespace: Namespace) -> None:
    stage.deploy(0)
    container = namespace.service(NAME)["spec"]["predictor"]["containers"][0]
    by_hand(namespace, {"containers": [{**container, "image": "registry.invalid/toy:latest"}]})
    altered = stage.serving()
    assert altered is not None
    assert "containers[0].image" in altered.altered


def test_a_service_of_somebody_else_is_not_touched(stage: Stage, namespace: Namespace) -> None:
    theirs = render(imaged(stage.releases[0]), ENVIRONMENT, KserveOptions(namespace=namespace.name, resources={}))
    theirs["metadata"]["annotations"] = {}
    made = namespace.api.apply(namespace.service_path(NAME), theirs, manager="somebody")
    with pytest.raises(BackendError, match="was not made by mlops-ci"):
        stage.deploy(0)
    assert namespace.service(NAME)["metadata"]["generation"] == made["metadata"]["generation"]


def test_a_record_that_was_lost_is_no_reason_to_take_a_service_away(stage: Stage, namespace: Namespace) -> None:
    served, _ = stage.deploy(0)
    namespace.api.call("DELETE", namespace.path("secrets", OWN))
    with pytest.raises(GateFailed) as caught:
        stage.deploy(1, wanted="0" * 64)
    assert "what served before serves on" in caught.value.hint
    assert stage.answer(served.url) == 1.0


def test_a_record_that_nobody_wrote_here_is_named(stage: Stage, namespace: Namespace) -> None:
    data = {"state.json": base64.b64encode(b"[]").decode()}
    namespace.api.create(namespace.path("secrets"), {"metadata": {"name": OWN}, "data": data})
    with pytest.raises(BackendError, match=f"Secret {namespace.name}/{OWN} can't be read"):
        stage.deploy(0)
    assert namespace.service(NAME) is None


def test_a_manifest_that_kserve_does_not_know_is_refused_before_it_is_sent(stage: Stage, namespace: Namespace) -> None:
    assert isinstance(stage.deployer, KserveTarget)
    good = render(stage.releases[0], ENVIRONMENT, KserveOptions.of(ENVIRONMENT, namespace.name, {}))
    kserve_schema.refuse_invalid(good, stage.deployer.schema)
    options = KserveOptions.of(ENVIRONMENT, namespace.name, {"replicas": 3})
    kserve_schema.refuse_invalid(render(stored(stage), ENVIRONMENT, options), stage.deployer.schema)
    unknown = json.loads(json.dumps(good))
    unknown["spec"]["predictor"]["containers"][0]["imagee"] = "x"
    with pytest.raises(ConfigError, match=r"spec\.predictor\.containers\[0\]: .*'imagee' was unexpected"):
        kserve_schema.refuse_invalid(unknown, stage.deployer.schema)
    wrong = json.loads(json.dumps(good))
    wrong["spec"]["predictor"]["minReplicas"] = "two"
    with pytest.raises(ConfigError, match=r"spec\.predictor\.minReplicas: 'two' is not of type 'integer'"):
        kserve_schema.refuse_invalid(wrong, stage.deployer.schema)


def stored(stage: Stage) -> Release:
    """The first release without an image, in a storage."""
    return dataclasses.replace(stage.releases[0], image="", image_digest="", storage_uri="s3://models/toy")


def test_a_dry_run_says_what_would_change_and_changes_nothing(stage: Stage, namespace: Namespace) -> None:
    assert isinstance(stage.deployer, KserveTarget)
    first = stage.deployer.dry_run(stage.releases[0], ENVIRONMENT)
    assert all(line.startswith(("+", "@", "---")) for line in first)
    assert f"+      image: {stage.releases[0].image_reference}" in first
    assert namespace.service(NAME) is None
    stage.deploy(0)
    assert stage.deployer.dry_run(stage.releases[0], ENVIRONMENT) == ()
    before = versions(namespace)
    lines = stage.deployer.dry_run(stage.releases[1], ENVIRONMENT)
    assert f"-      image: {stage.releases[0].image_reference}" in lines
    assert f"+      image: {stage.releases[1].image_reference}" in lines
    assert not any("managedFields" in line or "status" in line for line in lines), "our fields alone"
    assert versions(namespace) == before
    by_hand(namespace, {"maxReplicas": 2})
    with pytest.raises(BackendError, match="somebody else has fields"):
        stage.deployer.dry_run(stage.releases[1], ENVIRONMENT)
    unpacked = dataclasses.replace(stage.releases[1], image="", image_digest="")
    assert stage.deployer.dry_run(unpacked, ENVIRONMENT) == ()


def test_a_dry_run_shows_what_would_go(stage: Stage, namespace: Namespace, cluster: Cluster, node: Kubelet) -> None:
    as_somebody = target_of(cluster.kubeconfig, namespace, node.address(CHILD), service_account="default")
    stage_of(as_somebody, list(stage.releases), list(stage.sources)).deploy(0)
    assert isinstance(stage.deployer, KserveTarget)
    assert "-    serviceAccountName: default" in stage.deployer.dry_run(stage.releases[0], ENVIRONMENT)
