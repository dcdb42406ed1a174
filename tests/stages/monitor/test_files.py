"""The monitoring folder: read by the programs that it is for, and never written over."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops_ci.report.drift_metrics import HELP
from mlops_ci.serving import metrics
from mlops_ci.stages.monitor.files_of import ready
from tests.backends.alerting_servers import program
from tests.stages.monitor.repository import TEXT, checked, setup, written

ROOT = Path(__file__).parents[3]
NAMES = re.compile(r"\bmlops_\w+(?::\w+)*")


def expressions(dashboard: Any) -> Iterator[str]:
    """Every query of the dashboard, as Grafana would send it."""
    for item in [*dashboard["annotations"]["list"], *(q for p in dashboard["panels"] for q in p.get("targets", ()))]:
        yield item["expr"].replace("$__rate_interval", "5m")


def rules(text: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("file", ["alerts.yml", "alerts_days.yml"])
def test_each_alert_fires_where_it_should_and_nowhere_else(tmp_path: Path, file: str) -> None:
    folder = written(tmp_path)
    (folder / file).write_text(Path(__file__).with_name(file).read_text("utf-8"))
    checked(program("promtool"), "test", "rules", file, folder=folder)


def test_every_alert_has_a_test_that_it_fires_and_one_that_it_does_not() -> None:
    tests = [
        one
        for file in ("alerts.yml", "alerts_days.yml")
        for test in yaml.safe_load(Path(__file__).with_name(file).read_text("utf-8"))["tests"]
        for one in test["alert_rule_test"]
    ]
    fires = {one["alertname"] for one in tests if one.get("exp_alerts")}
    quiet = {one["alertname"] for one in tests if not one.get("exp_alerts")}
    assert fires == quiet == {rule["alert"] for rule in rules(ready("rules.yml")) if "alert" in rule}


def test_prometheus_takes_its_files(tmp_path: Path) -> None:
    docker = "      production: {target: docker, port: 8082}\n"
    plain = re.sub(r"      production:\n(        .*\n)+", docker, TEXT, count=1)
    folder = written(tmp_path, plain)
    checked(program("promtool"), "check", "config", "prometheus.yml", folder=folder)
    checked(program("promtool"), "check", "rules", "limits.yml", "rules.yml", folder=folder)
    targets = [
        job["static_configs"][0] for job in yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]
    ]
    assert [item["targets"] for item in targets] == [["127.0.0.1:8081"], ["127.0.0.1:8082"], ["127.0.0.1:9091"]]
    assert targets[1]["labels"] == {"job": "mlops-ci-models", "model": "delay", "environment": "production"}


def test_pods_of_the_service_are_found_at_the_server_s_port(tmp_path: Path) -> None:
    """Debian's Prometheus can't look into a cluster: what it would find there is given, and relabelled by it."""
    folder = written(tmp_path)
    document = yaml.safe_load((folder / "prometheus.yml").read_text())
    job = next(item for item in document["scrape_configs"] if "kubernetes_sd_configs" in item)
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod", "namespaces": {"names": ["ml"]}}]
    job["static_configs"] = [
        pod("10.0.0.1:8080"),
        pod("10.0.0.2:8080", phase="Failed"),
        pod("10.0.0.3:8012", container_port_number="8012", container_name="queue-proxy"),
        pod("10.0.0.4:8080", label_serving_kserve_io_inferenceservice="delay-production-2"),
    ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(document))
    words = (program("promtool"), "check", "service-discovery", "--timeout=1s", "prometheus.yml", job["job_name"])
    said = checked(*words, folder=folder)
    kept = [item["labels"] for item in json.loads(said[said.index("[") :]) if item["labels"]]
    (found,) = kept
    named = {"job": "mlops-ci-models", "model": "delay", "environment": "production", "namespace": "ml", "pod": "pod"}
    assert {**found, **named} == found and found["instance"] == "10.0.0.1:8080"


def pod(address: str, **changed: str) -> dict[str, Any]:
    """What Kubernetes' discovery says of a pod's port."""
    about = {
        "label_serving_kserve_io_inferenceservice": "delay-production",
        "container_name": "kserve-container",
        "container_port_number": "8080",
        "phase": "Running",
        "name": "pod",
        **changed,
    }
    labels = {f"__meta_kubernetes_pod_{name}": value for name, value in about.items()}
    return {"targets": [address], "labels": {**labels, "__meta_kubernetes_namespace": "ml"}}


def test_alertmanager_takes_its_file_and_sends_what_starts_the_workflow_there(tmp_path: Path) -> None:
    folder = written(tmp_path)
    checked(program("amtool"), "check-config", "alertmanager.yml", folder=folder)

    def receivers(*labels: str) -> str:
        words = (program("amtool"), "config", "routes", "test", "--config.file=alertmanager.yml", *labels)
        return checked(*words, folder=folder).strip()

    assert receivers("alertname=MlopsDriftStale", "mlops_ci_start=drift") == "drift-workflow,people"
    assert receivers("alertname=MlopsModelDown") == "people"
    assert receivers("alertname=Other") == "people"


def test_limits_are_those_of_each_environment(tmp_path: Path) -> None:
    text = next(draft.text for draft in setup(tmp_path).drafts if draft.path.endswith("limits.yml"))
    found = {(rule["record"].split(":")[1], *rule["labels"].values()): rule["expr"] for rule in rules(text)}
    assert found == {
        ("errors", "delay", "staging"): "vector(0.01)",
        ("errors", "delay", "production"): "vector(0.02)",
        ("errors", "churn", "production"): "vector(0.01)",
        ("seconds", "delay", "staging"): "vector(0.1)",
        ("seconds", "delay", "production"): "vector(0.15)",
        ("predictions_moved", "delay", "staging"): "vector(0.2)",
        ("predictions_moved", "delay", "production"): "vector(0.2)",
        ("drift_age_seconds", "delay"): "vector(172800)",
    }


def test_prometheus_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = list(expressions(json.loads(ready("dashboard.json"))))
    assert len(queries) > 20
    as_rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": as_rules}]}))
    checked(program("promtool"), "check", "rules", "queries.yml", folder=tmp_path)


def test_rules_and_dashboard_ask_for_nothing_that_nobody_tells(tmp_path: Path) -> None:
    recorded = {rule["record"] for rule in rules(ready("rules.yml")) if "record" in rule}
    limits = next(draft.text for draft in setup(tmp_path).drafts if draft.path.endswith("limits.yml"))
    recorded |= {rule["record"] for rule in rules(limits)}
    served = set(re.findall(r'"(mlops_\w+)"', Path(metrics.__file__).read_text("utf-8")))
    queries = [rule["expr"] for rule in rules(ready("rules.yml"))]
    queries += expressions(json.loads(ready("dashboard.json")))
    asked = {name for query in queries for name in NAMES.findall(re.sub(r'"[^"]*"', "", query))}
    for name in asked:
        assert name in recorded | set(HELP) or re.sub("_(total|bucket|count|sum)$", "", name) in served, name
    assert {"mlops_ci_drift_share", "mlops_requests_total", "mlops_ci:seconds:p99"} <= asked


@pytest.mark.skipif(sys.version_info < (3, 11), reason="grafana-foundation-sdk needs Python 3.11")
def test_the_dashboard_is_what_grafana_s_types_say(tmp_path: Path) -> None:
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

    checked(sys.executable, str(ROOT / "script" / "dashboard.py"), "--check", folder=ROOT)
    document = json.loads(ready("dashboard.json"))
    read = json.loads(json.dumps(Dashboard.from_json(document), cls=JSONEncoder))
    assert read["panels"] == document["panels"] and read["templating"] == document["templating"]
    assert len({panel["id"] for panel in document["panels"]}) == len(document["panels"])


def test_what_is_there_is_left_and_the_difference_told(tmp_path: Path) -> None:
    first = {draft.path: draft.text for draft in setup(tmp_path).drafts}
    mine = first["monitoring/limits.yml"].replace("0.02", "0.5")
    found = setup(tmp_path, {**first, "monitoring/limits.yml": mine})
    assert not found.drafts and not found.advice and len(found.present) == len(first) - 1
    (told,) = found.differing.items()
    assert told[0] == "monitoring/limits.yml" and "-    expr: vector(0.5)\n+    expr: vector(0.02)" in told[1]


def test_what_only_a_person_can_do_is_told(tmp_path: Path) -> None:
    advice = "\n".join(setup(tmp_path).advice)
    assert "churn in production has no fixed port" in advice and "delay in" not in advice
    assert "alertmanager.yml how people are told" in advice and "drift.current" not in advice
    unwatched = TEXT.replace("    drift: {current: data/production/*.parquet}\n", "")
    assert "no model has drift.current" in "\n".join(setup(tmp_path, text=unwatched).advice)
