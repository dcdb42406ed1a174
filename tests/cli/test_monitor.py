"""`mlops-ci monitor`: files written once, and alerts that start the drift workflow."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.cli.main import run
from tests.backends.github_place import TOKEN, GitHubPlace, place, still
from tests.stages.monitor.repository import TEXT

__all__ = ["place", "still"]
Out = pytest.CaptureFixture[str]
FILES = {"prometheus.yml", "limits.yml", "rules.yml", "alertmanager.yml", "hooks.json", "dashboard.json"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mlops.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def alert(name: str, status: str = "firing", **labels: Any) -> dict[str, Any]:
    return {"status": status, "labels": {"alertname": name, **labels}}


def sent(monkeypatch: pytest.MonkeyPatch, *alerts: Any, **changed: Any) -> None:
    """Alertmanager's document on stdin."""
    body = json.dumps({"version": "4", "status": "firing", "alerts": alerts, **changed}).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(body)))


@pytest.fixture
def reached(place: GitHubPlace, monkeypatch: pytest.MonkeyPatch) -> GitHubPlace:
    """A machine of one's own, with a token and no checkout."""
    for name, value in variables(place).items():
        monkeypatch.setenv(name, value)
    return place


def variables(place: GitHubPlace) -> dict[str, str]:
    return {
        "GITHUB_REPOSITORY": "acme/models",
        "GITHUB_API_URL": place.server.api_url,
        "GITHUB_GRAPHQL_URL": place.server.graphql_url,
        "GITHUB_TOKEN": TOKEN,
        "NO_PROXY": "127.0.0.1",
    }


def test_files_are_shown_then_written_and_never_again(root: Path, capsys: Out) -> None:
    assert run(["monitor", "init", "--dry-run"]) == 0
    assert "6 files would be written" in capsys.readouterr().out and not (root / "monitoring").exists()
    assert run(["monitor", "init", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {Path(item["path"]).name for item in document["files"]} == FILES and document["written"]
    assert {path.name for path in (root / "monitoring").iterdir()} == FILES
    (root / "monitoring" / "alertmanager.yml").write_text("mine\n")
    (root / "monitoring" / "hooks.json").unlink()
    assert run(["monitor", "init"]) == 0
    said = capsys.readouterr().out
    assert "1 file written" in said and "alertmanager.yml: it is there, and was left as it is" in said
    assert (root / "monitoring" / "alertmanager.yml").read_text() == "mine\n"


@pytest.mark.parametrize("folder", ["/etc/prometheus", "../there", "."])
def test_another_folder_lies_below_the_config(root: Path, capsys: Out, folder: str) -> None:
    assert run(["monitor", "init", "--folder", folder]) == 2
    assert "not a folder below that of mlops.yaml" in capsys.readouterr().err
    assert run(["monitor", "init", "--quiet", "--folder", "deploy/watch"]) == 0
    assert (root / "deploy" / "watch" / "rules.yml").exists()


def test_alerts_that_fire_start_the_workflow_once(
    reached: GitHubPlace, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    moved = alert("MlopsPredictionsMoved", model="delay", environment="production", instance="secret")
    sent(monkeypatch, moved, moved, alert("MlopsDriftStale", model="churn"), alert("Over", "resolved"))
    assert run(["monitor", "dispatch"]) == 0
    assert capsys.readouterr().out == "started mlops-ci-drift: MlopsPredictionsMoved delay, MlopsDriftStale churn\n"
    (event,) = reached.repo.dispatches
    assert event["event_type"] == "mlops-ci-drift"
    assert event["client_payload"]["alerts"] == [
        {"name": "MlopsPredictionsMoved", "model": "delay", "environment": "production"},
        {"name": "MlopsDriftStale", "model": "churn", "environment": ""},
    ]


def test_nothing_starts_where_nothing_fires_or_nobody_wants_it(
    reached: GitHubPlace, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    sent(monkeypatch, alert("MlopsDriftStale", "resolved"))
    assert run(["monitor", "dispatch"]) == 0
    assert capsys.readouterr().out == "skipped: no alert fires\n"
    sent(monkeypatch, alert("Evil\x1b[2J\n::error::", model="x"))
    assert run(["monitor", "dispatch", "--dry-run", "--event", "look"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("would start look: Evil") and "\x1b" not in said and said.count("\n") == 1
    assert not reached.hub.faults.log


def test_many_and_long_labels_are_cut(reached: GitHubPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(monkeypatch, *(alert(f"{number}" + "x" * 5000, model=["no", "text"]) for number in range(150)))
    assert run(["monitor", "dispatch", "--quiet"]) == 0
    (event,) = reached.repo.dispatches
    assert len(event["client_payload"]["alerts"]) == 20 and len(json.dumps(event)) < 64 * 1024


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"version": "4"}',
        b'{"version": "4", "alerts": [1]}',
        b'{"version": "4", "alerts": [{"status": "firing", "labels": 7}]}',
        b'{"version": "3", "alerts": []}',
        b"[" * 100_000,
        b" " * (1024 * 1024 + 1),
    ],
    ids=range(10),
)
def test_another_document_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out, body: bytes
) -> None:
    (tmp_path / "payload.json").write_bytes(body)
    monkeypatch.setenv("MLOPS_CI_MONITOR_DISPATCH_PAYLOAD", str(tmp_path / "payload.json"))
    assert run(["monitor", "dispatch"]) == 2
    assert capsys.readouterr().err.startswith("error: the payload")


def test_a_token_that_may_not_is_told_what_it_lacks(
    reached: GitHubPlace, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    reached.hub.faults.add(method="POST", path="dispatches", status=403, message="Resource not accessible")
    sent(monkeypatch, alert("MlopsDriftStale"))
    assert run(["monitor", "dispatch"]) == 3
    said = capsys.readouterr().err
    assert "nothing was started in acme/models" in said and "contents: write" in said and TOKEN not in said


def test_without_a_repository_or_a_token_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    sent(monkeypatch, alert("MlopsDriftStale"))
    assert run(["monitor", "dispatch"]) == 2
    assert "'monitor dispatch' needs GITHUB_REPOSITORY" in capsys.readouterr().err
