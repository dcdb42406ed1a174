"""Requests of real model servers, counted through a real Prometheus."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlops_ci.backends.prometheus_traffic import PrometheusTraffic, growth
from mlops_ci.errors import BackendError
from mlops_ci.records.canary import Traffic
from tests.backends.prometheus_server import Prometheus, prometheus
from tests.serving.servers import Running, launch

MODEL = """\
import sys
import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

class Picky(mlflow.pyfunc.PythonModel):
    def __init__(self, name):
        self.name = name

    def predict(self, context, model_input, params=None):
        if model_input["x"].min() < 0:
            raise ValueError("negative")
        return [1.0] * len(model_input)

signature = ModelSignature(inputs=Schema([ColSpec("double", "x")]))
for name in ("stable", "canary"):
    path = f"{sys.argv[1]}/{name}"
    mlflow.pyfunc.save_model(path, python_model=Picky(name), signature=signature, pip_requirements=[])
"""
COUNT = 'sum(mlops_requests_total{route="predict"})'


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of different digests, which fail on a negative x."""
    home = tmp_path_factory.mktemp("models")
    subprocess.run([sys.executable, "-W", "ignore", "-c", MODEL, home], check=True, capture_output=True)
    return home


@pytest.fixture
def stable(models: Path, tmp_path: Path) -> Iterator[Running]:
    yield from running(tmp_path / "stable", models / "stable")


@pytest.fixture
def canary(models: Path, tmp_path: Path) -> Iterator[Running]:
    yield from running(tmp_path / "canary", models / "canary")


def running(home: Path, model: Path) -> Iterator[Running]:
    server = launch(home, model, "toy").started()
    yield server
    server.end(signal.SIGKILL)


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[Prometheus]:
    with prometheus(tmp_path) as found:
        yield found


def ask(server: Running, *, good: int = 0, failing: int = 0, refused: int = 0) -> None:
    for count, value, status in ((good, 1.0, 200), (failing, -1.0, 500), (refused, "much", 400)):
        for _ in range(count):
            assert server.v1({"instances": [{"x": value}]}).status == status


def counts(found: Traffic) -> tuple[int, int, int]:
    return found.requests, found.errors, found.refused


@pytest.mark.slow
def test_each_revisions_requests_are_counted_one_by_one(stable: Running, canary: Running, watcher: Prometheus) -> None:
    begun = datetime.now(timezone.utc) - timedelta(seconds=60)
    ask(stable, good=5, refused=1)
    ask(canary, good=2, failing=3)
    watcher.look_at(([stable.port, canary.port], {}))
    middle = watcher.until(COUNT, 11)
    meter = PrometheusTraffic(url=watcher.url)
    # what came before the first look at a server is counted, where the server began in the window
    assert counts(meter.traffic("toy", stable.digest, since=begun, until=middle)) == (6, 0, 1)
    seen = meter.traffic("toy", canary.digest, since=begun, until=middle)
    assert counts(seen) == (5, 3, 0)
    assert seen.buckets[-1].answers == seen.answers == 2
    assert [bucket.seconds for bucket in seen.buckets] == sorted(bucket.seconds for bucket in seen.buckets)

    ask(canary, good=4)
    ask(stable, failing=2)
    later = watcher.until(COUNT, 17)
    assert counts(meter.traffic("toy", canary.digest, since=middle, until=later)) == (4, 0, 0)
    assert counts(meter.traffic("toy", stable.digest, since=middle, until=later)) == (2, 2, 0)
    assert meter.traffic("toy", "0" * 64, since=begun, until=later) == Traffic()
    assert meter.traffic("another", canary.digest, since=begun, until=later) == Traffic()
    assert meter.traffic("toy", canary.digest, since=begun - timedelta(days=2), until=begun) == Traffic()


@pytest.mark.slow
def test_a_server_that_was_there_before_is_counted_from_when_it_was_first_seen(
    canary: Running, watcher: Prometheus
) -> None:
    ask(canary, good=3)
    began = datetime.now(timezone.utc)
    watcher.look_at(([canary.port], {}))
    watcher.until(COUNT, 3)
    ask(canary, good=2, failing=1)
    now = watcher.until(COUNT, 6)
    found = PrometheusTraffic(url=watcher.url).traffic("toy", canary.digest, since=began, until=now)
    assert counts(found) == (3, 1, 0)


@pytest.mark.slow
def test_namespaces_keep_apart_what_has_the_same_digest(
    stable: Running, models: Path, tmp_path: Path, watcher: Prometheus
) -> None:
    began = datetime.now(timezone.utc) - timedelta(seconds=60)
    for other in running(tmp_path / "other", models / "stable"):
        ask(stable, good=1)
        ask(other, good=2)
        watcher.look_at(([stable.port], {"namespace": "staging"}), ([other.port], {"namespace": "production"}))
        now = watcher.until(COUNT, 3)
        everywhere = PrometheusTraffic(url=watcher.url)
        for namespace, expected in (("", 3), ("staging", 1), ("production", 2), ("prod", 0)):
            meter = replace(everywhere, namespace=namespace)
            assert meter.traffic("toy", stable.digest, since=began, until=now).requests == expected


def test_nobody_answers() -> None:
    meter = PrometheusTraffic(url="http://127.0.0.1:1")
    with pytest.raises(BackendError, match="no answer from"):
        meter.traffic("toy", "1" * 64, since=datetime.now(timezone.utc), until=datetime.now(timezone.utc))


def test_something_else_answers() -> None:
    now = datetime.now(timezone.utc)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        meter = PrometheusTraffic(url=f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(BackendError, match=r"is not Prometheus \(status 501\)") as caught:
            meter.traffic("toy", "1" * 64, since=now, until=now)
        server.shutdown()
    assert "without /api/v1" in caught.value.hint


@pytest.mark.slow
def test_a_query_that_is_refused_says_why(watcher: Prometheus) -> None:
    far = datetime(9999, 1, 1, tzinfo=timezone.utc)
    meter = PrometheusTraffic(url=watcher.url)
    with pytest.raises(BackendError, match="refused the query"):
        meter.traffic("toy", "1" * 64, since=datetime(1, 1, 1, tzinfo=timezone.utc), until=far)


@pytest.mark.parametrize(
    ("samples", "from_zero", "expected"),
    [
        ([], True, 0.0),
        ([(50, 7)], True, 0.0),
        ([(90, 7), (110, 9)], True, 2.0),
        ([(90, 7), (95, 8), (110, 9), (120, 12)], False, 4.0),
        ([(110, 9), (120, 12)], True, 12.0),
        ([(110, 9), (120, 12)], False, 3.0),
        # a restart: 3 up to it, 2 after it
        ([(90, 7), (110, 10), (120, 2)], True, 5.0),
        ([(100, 7), (101, 8)], True, 1.0),
    ],
)
def test_growth_of_a_counter_since_100(samples: list[tuple[float, float]], from_zero: bool, expected: float) -> None:
    assert growth(samples, 100.0, from_zero=from_zero) == expected
