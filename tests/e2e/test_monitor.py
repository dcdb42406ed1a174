"""From a drift job that went quiet to the workflow that looks again: every part real, on loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from mlops_ci.backends.prometheus_traffic import PrometheusTraffic
from mlops_ci.cli.drift_reports import metrics
from mlops_ci.io import clock, http
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages.monitor.files_of import ready
from tests.backends.alerting_servers import Ports, watching
from tests.backends.github_place import github
from tests.backends.test_prometheus_traffic import ask, models, stable
from tests.cli.test_monitor import variables
from tests.serving.servers import Running
from tests.stages.monitor.repository import TEXT, written
from tests.stages.monitor.test_files import expressions

__all__ = ["models", "stable"]
pytestmark = [pytest.mark.e2e]
SECONDS = 60.0


def sped_up(folder: Path, ports: Ports) -> None:
    """The same files, with what waits minutes waiting for less than a second."""
    for path in folder.glob("*.*"):
        text = ports.rewrite(path.read_text("utf-8"))
        if path.name != "hooks.json":
            text = re.sub(r"\b(interval|scrape_interval|evaluation_interval): \d+[smh]", r"\1: 200ms", text)
            text = re.sub(r"\b(for|group_wait): \d+[smhd]", r"\1: 0s", text)
        path.write_text(text, encoding="utf-8")


def test_a_stale_drift_job_is_started_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is pushed is the drift command's own; what is started, GitHub's server of the tests is asked for."""
    text = re.sub(r"      production:\n(        .*\n)+", "", TEXT, count=1)  # Debian's Prometheus knows no cluster
    folder, ports = written(tmp_path, text), Ports()
    sped_up(folder, ports)
    with github(tmp_path / "github") as place:
        found = {**variables(place), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        place.hub.faults.add(method="POST", path="dispatches", status=500)  # Alertmanager tries again
        with watching(folder, ports, found) as prometheus:
            result = StageResult(stage="drift", model="delay", status=Status.PASSED)
            pushed(ports, result, datetime.now(timezone.utc), monkeypatch)
            prometheus.until('mlops_ci_drift_ok{job="mlops_ci_drift",model="delay"}', 1)
            assert prometheus.ask('ALERTS{alertname="MlopsDriftStale"}') == 0 and not place.repo.dispatches
            pushed(ports, result, datetime.now(timezone.utc) - timedelta(days=3), monkeypatch)
            prometheus.until('ALERTS{alertname="MlopsDriftStale",alertstate="firing",model="delay"}', 1)
            started = time.monotonic()
            while not place.repo.dispatches:
                assert time.monotonic() - started < SECONDS, (tmp_path / "webhook.log").read_text()
                os.sched_yield()
            told = json.loads(http.call("GET", f"http://127.0.0.1:{ports.alertmanager}/api/v2/alerts").body)
        (event,) = place.repo.dispatches
    assert [status for _, path, status in place.hub.faults.log if path.endswith("dispatches")] == [500, 204]
    assert event["event_type"] == "mlops-ci-drift"
    assert event["client_payload"]["alerts"] == [{"name": "MlopsDriftStale", "model": "delay", "environment": ""}]
    stale = next(item for item in told if item["labels"]["alertname"] == "MlopsDriftStale")
    assert {one["name"] for one in stale["receivers"]} == {"drift-workflow", "people"}


SERVED = """\
version: 1
models:
  toy:
    environments:
      production: {target: local, port: PORT}
"""
# What the dashboard asks for that a server alone brings; its predictions are numbers, refused is nothing.
QUIET = re.compile("drift|rejections|predicted_class|moved|ALERTS|seconds:limit| unless ")


def test_the_dashboard_and_the_canary_s_meter_find_a_real_server(stable: Running, tmp_path: Path) -> None:
    """By the scrape config as it is written: its labels must be the ones that both ask for."""
    folder, ports = written(tmp_path, SERVED.replace("PORT", str(stable.port))), Ports()
    sped_up(folder, ports)
    begun = datetime.now(timezone.utc) - timedelta(seconds=60)
    shown = [query for query in expressions(json.loads(ready("dashboard.json"))) if not QUIET.search(query)]
    chosen = [query.replace("$model", "toy").replace("$environment", "production") for query in shown]
    assert len(chosen) == 7
    with watching(folder, ports, {}) as prometheus:
        ask(stable, good=3, failing=2)
        middle = prometheus.until('sum(mlops_requests_total{route="predict",model="toy",environment="production"})', 5)
        found = PrometheusTraffic(url=prometheus.url).traffic("toy", stable.digest, since=begun, until=middle)
        assert (found.requests, found.errors) == (5, 2)
        started = time.monotonic()
        while missing := [query for query in chosen if not prometheus.ask(f"count({query})")]:
            assert time.monotonic() - started < SECONDS, missing
            ask(stable, good=1, failing=1)
        assert 0 < prometheus.ask("mlops_ci:errors:share5m") < 1
        os.kill(stable.process.pid, signal.SIGKILL)
        prometheus.until('ALERTS{alertname="MlopsModelDown",alertstate="firing",model="toy"}', 1)


def pushed(ports: Ports, result: StageResult, moment: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `mlops-ci drift --push` does at that time."""
    monkeypatch.setattr(clock, "now", lambda: moment)
    metrics([result], file=None, push=f"http://127.0.0.1:{ports.pushgateway}")
    monkeypatch.undo()
