"""Where Prometheus finds the model servers and the drift job, from mlops.yaml."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mlops_ci.config.types import Config, Environment, Model
from mlops_ci.records.server import PORT

ServiceName = Callable[[str, str, str], str]
JOB = "mlops-ci-models"
PUSHGATEWAY, ALERTMANAGER = "127.0.0.1:9091", "127.0.0.1:9093"
CONTAINER = "kserve-container"
POD = "__meta_kubernetes_pod"


def prometheus(config: Config, *, service_name: ServiceName) -> dict[str, Any]:
    """The document of prometheus.yml. `service_name` is what KServe's object of a model, an environment and a namespace
    is called."""
    found = [_servers(*place, service_name) for place in places(config) if has_address(place[1])]
    # What was pushed says itself which model it is about.
    drift = {
        "job_name": "mlops-ci-drift",
        "scrape_interval": "1m",
        "honor_labels": True,
        "static_configs": [{"targets": [PUSHGATEWAY]}],
    }
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["rules.yml", "limits.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [ALERTMANAGER]}]}]},
        "scrape_configs": [*found, drift],
    }


def places(config: Config) -> Iterator[tuple[Model, Environment]]:
    """Every environment of every model."""
    return ((model, place) for model in config.models.values() for place in model.environments)


def has_address(place: Environment) -> bool:
    """Whether it is known where an environment's servers answer: not behind a port that changes."""
    return place.target == "kserve" or bool(place.options.get("port"))


def _servers(model: Model, place: Environment, service_name: ServiceName) -> dict[str, Any]:
    labels = {"job": JOB, "model": model.name, "environment": place.name}
    found: dict[str, Any] = {"job_name": f"mlops-ci/{model.name}/{place.name}"}
    if place.target == "kserve":
        name = service_name(model.name, place.name, place.namespace)
        found["kubernetes_sd_configs"] = [{"role": "pod", "namespaces": {"names": [place.namespace]}}]
        found["relabel_configs"] = list(_pods(name, labels))
    else:
        found["static_configs"] = [{"targets": [f"127.0.0.1:{place.options['port']}"], "labels": labels}]
    # mlops_model_info has a label `model` of its own, which says the same.
    found["metric_relabel_configs"] = [{"action": "labeldrop", "regex": "exported_model"}]
    return found


def _pods(name: str, labels: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Every running pod of an InferenceService on its own, at the model server's port."""
    parts = ("label_serving_kserve_io_inferenceservice", "container_name", "container_port_number")
    yield {
        "action": "keep",
        "source_labels": [f"{POD}_{part}" for part in parts],
        "regex": f"{name};{CONTAINER};{PORT}",
    }
    yield {"action": "drop", "source_labels": [f"{POD}_phase"], "regex": "Failed|Succeeded"}
    yield {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"}
    yield {"source_labels": [f"{POD}_name"], "target_label": "pod"}
    for label, value in labels.items():
        yield {"target_label": label, "replacement": value}
