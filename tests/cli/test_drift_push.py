"""`mlops-ci drift --push` and a real Pushgateway: what stays when a job fails, and what goes when it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from mlops_ci.cli import drift as drift_command
from mlops_ci.cli.drift_reports import metrics
from mlops_ci.cli.main import run
from mlops_ci.errors import BackendError
from mlops_ci.io import clock, http
from mlops_ci.records.results import Failure, StageResult, Status
from tests.backends.alerting_servers import program
from tests.backends.prometheus_server import running
from tests.cluster.processes import free_ports
from tests.digests.repository import Repository
from tests.stages.watching import Lookout, rows

HASHED = "$2b$04$abcdefghijklmnopqrstuuV3duMsC0HpUex6N9qapiuOHHWkwRXVm"  # hunter2, by bcrypt
START = datetime(2026, 1, 10, tzinfo=timezone.utc)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    """One with a password."""
    (port,) = free_ports(1)
    (tmp_path / "web.yml").write_text(f"basic_auth_users: {{ann: '{HASHED}'}}\n", "utf-8")
    words = [program("prometheus-pushgateway"), f"--web.listen-address=127.0.0.1:{port}"]
    words += [f"--web.config.file={tmp_path}/web.yml"]
    url = f"http://ann:hunter2@127.0.0.1:{port}"
    with running(words, ready=f"{url}/-/ready", log=tmp_path / "log"):
        yield url


def held(gateway: str) -> dict[str, float]:
    """What it shows of the model, by name and labels, without what it adds."""
    text = http.call("GET", f"{gateway}/metrics").body.decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith("mlops_ci_drift")]
    return {name: float(value) for name, _, value in lines}


def push(gateway: str, result: StageResult, days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: START + timedelta(days=days))
    metrics([result], file=None, push=gateway)
    monkeypatch.undo()


def test_a_failed_job_leaves_the_last_answer_and_its_time(
    tmp_path: Path, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookout = Lookout(home=tmp_path)
    lookout.put("1.parquet", rows(1000, 9))
    push(gateway, lookout.watch(), 0, monkeypatch)
    first = held(gateway)
    told = {name: value for name, value in first.items() if name.startswith("mlops_ci_drift_column{")}
    assert len(told) == 5
    failed = StageResult(
        stage="drift", model="m", status=Status.ERROR, failure=Failure(message="the source is down", exit_code=3)
    )
    for day in (1, 2):
        push(gateway, failed, day, monkeypatch)
        changed = {name: value for name, value in held(gateway).items() if first.get(name) != value}
        assert list(changed.values()) == [0.0]
        assert next(iter(changed)).startswith("mlops_ci_drift_ok{")
    lookout.put("2.parquet", rows(1000, 10).drop(columns="a"))
    push(gateway, lookout.watch(), 3, monkeypatch)
    later = held(gateway)
    times = {name: value for name, value in later.items() if "last_run_seconds" in name}
    assert list(times.values()) == [(START + timedelta(days=3)).timestamp()]
    assert not any('column="a"' in name for name in later), "what is not there any more is not shown"


def test_what_it_does_not_take_is_told_without_the_password(gateway: str) -> None:
    result = StageResult(stage="drift", model="m", status=Status.PASSED)
    with pytest.raises(BackendError, match="the Pushgateway answered 401"):
        metrics([result], file=None, push=gateway.replace("hunter2", "hunter3"))
    with pytest.raises(BackendError, match="the Pushgateway answered 404"):
        metrics([result], file=None, push=f"{gateway}/elsewhere")
    (port,) = free_ports(1)
    with pytest.raises(BackendError, match=r"no answer from http://127\.0\.0\.1") as caught:
        metrics([result], file=None, push=f"http://ann:hunter2@127.0.0.1:{port}")
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"


ONE = "  {name}:\n    train: {{model: {name}}}\n    drift: {{current: 'w/*.csv'}}\n"
CONFIG = "version: 1\nmodels:\n" + "".join(ONE.format(name=name) for name in ("m", "n"))


@pytest.fixture
def breach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models that are watched, and breach."""
    repository = Repository.create(tmp_path / "r")
    repository.write("mlops.yaml", CONFIG)
    repository.commit()
    monkeypatch.chdir(repository.root)
    answer = StageResult(stage="drift", model="", status=Status.FAILED, reason="2 of 2 windows in a row breach")
    monkeypatch.setattr(drift_command, "one", lambda session, model, *rest: replace(answer, model=model.name))


@pytest.mark.usefixtures("breach")
def test_a_gateway_that_is_down_hides_no_breach(capsys: pytest.CaptureFixture[str]) -> None:
    (port,) = free_ports(1)
    assert run(["drift", "--push", f"http://127.0.0.1:{port}"]) == 10
    assert "no answer from http://127.0.0.1" in capsys.readouterr().err


@pytest.mark.usefixtures("breach")
def test_every_model_is_pushed_and_a_look_at_history_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first one's is not taken."""
    asked: list[str] = []

    def call(method: str, url: str, *, body: bytes) -> http.Answer:
        asked.append(url.rpartition("/")[2])
        return http.Answer(status=400 if len(asked) == 1 else 202, headers={}, body=b"no")

    monkeypatch.setattr(http, "call", call)
    assert run(["drift", "--push", "http://gateway"]) == 10
    assert asked == ["m", "n"]
    assert run(["drift", "--push", "http://gateway", "--metrics-file", "x.prom", "--window", "2026"]) == 10
    assert asked == ["m", "n"]
    assert not Path("x.prom").exists()
    assert "no metrics are written" in capsys.readouterr().err
