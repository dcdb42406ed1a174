"""Verdicts on what a cluster says, and nothing but what it says."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_ci.backends.kserve.manifest import MANIFEST
from mlops_ci.backends.kserve.rollout import Rollout, child_path, current_percent, rollout
from mlops_ci.backends.kserve.service import difference

DONE = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
ALL = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "conditions": [DONE]}


def manifest(**predictor: Any) -> dict[str, Any]:
    meta = {"name": "toy-production", "namespace": "ml", "annotations": {MANIFEST: "new"}}
    return {"metadata": meta, "spec": {"predictor": predictor}}


def child(status: dict[str, Any], *, made_of: str = "new") -> dict[str, Any]:
    template = {"metadata": {"annotations": {MANIFEST: made_of}}}
    return {"metadata": {"generation": 2}, "spec": {"replicas": 2, "template": template}, "status": status}


def standard(**changed: Any) -> Rollout:
    return rollout(manifest(), child({**ALL, **changed}), "Standard")


def test_a_deployment_is_ready_when_all_of_it_is() -> None:
    assert standard().ready
    for part in ("updatedReplicas", "availableReplicas"):
        assert not standard(**{part: 1}).ready, part
    assert not standard(replicas=3).ready, "one of before is left"
    assert not standard(observedGeneration=1).ready
    assert not standard(conditions=[{**DONE, "reason": "ReplicaSetUpdated"}]).ready
    assert not standard(conditions=[]).ready
    assert standard(availableReplicas=0).words == "2 of 2 pods updated, 0 available, 2 in all"


def test_a_deployment_of_another_manifest_says_nothing() -> None:
    assert rollout(manifest(), None, "Standard").words == "KServe has made nothing of it yet"
    found = rollout(manifest(), child(ALL, made_of="old"), "Standard")
    assert (found.ready, found.failed, found.words) == (False, False, "KServe has not taken it over yet")


@pytest.mark.parametrize(
    "condition",
    [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too long"},
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "too long"},
    ],
)
def test_a_deployment_that_gave_up_has_failed(condition: dict[str, str]) -> None:
    found = standard(conditions=[condition])
    assert found.failed
    assert found.words == f"{condition['reason']}: too long"


def knative(percent: int, *, created: str = "r2", ready: str = "r2", made: str = "True") -> dict[str, Any]:
    return child(
        {
            "observedGeneration": 2,
            "latestCreatedRevisionName": created,
            "latestReadyRevisionName": ready,
            "traffic": [{"revisionName": "r1", "percent": 100 - percent}, {"revisionName": "r2", "percent": percent}],
            "conditions": [
                {"type": "ConfigurationsReady", "status": made, "reason": "RevisionFailed", "message": "no"}
            ],
        }
    )


def test_a_revision_is_ready_when_it_is_the_latest_of_both_and_has_its_traffic() -> None:
    assert rollout(manifest(), knative(100), "Knative").ready
    assert not rollout(manifest(), knative(90), "Knative").ready
    assert not rollout(manifest(), knative(100, ready="r1"), "Knative").ready
    assert not rollout(manifest(), knative(100, created="", ready=""), "Knative").ready
    assert rollout(manifest(canaryTrafficPercent=10), knative(10), "Knative").ready
    assert not rollout(manifest(canaryTrafficPercent=10), knative(100), "Knative").ready
    found = rollout(manifest(), knative(100, ready="r1", made="False"), "Knative")
    assert (found.failed, found.words) == (True, "RevisionFailed: no")


def test_the_share_of_the_latest_revision() -> None:
    assert current_percent(knative(10)) == 10
    assert current_percent(None) == 0


def test_who_decides() -> None:
    assert child_path(manifest(), "Standard") == "/apis/apps/v1/namespaces/ml/deployments/toy-production-predictor"
    knative_path = "/apis/serving.knative.dev/v1/namespaces/ml/services/toy-production-predictor"
    assert child_path(manifest(), "Knative") == knative_path


@pytest.mark.parametrize(
    ("wanted", "found", "place"),
    [
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}], "d": 3}, ""),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "a[0].b"),
        ({"a": [1, 2]}, {"a": [1]}, "a"),
        ({"a": {"b": 1}}, {"a": 1}, "a"),
        ({"a": {"b": 1}}, {}, "a"),
        (1, 2, "it"),
    ],
)
def test_the_first_place_that_differs(wanted: Any, found: Any, place: str) -> None:
    assert difference(wanted, found) == place
