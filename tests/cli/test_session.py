"""What results are about, where a workflow has checked out a merge of what was pushed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_ci.cli.session import asked


@pytest.mark.parametrize(
    ("actions", "event", "found"),
    [
        ("true", {"pull_request": {"number": 7, "head": {"sha": "a" * 40}}}, ("7", "a" * 40)),
        ("true", {"head_commit": {"id": "a" * 40}}, ("", "")),
        ("", {"pull_request": {"number": 7, "head": {"sha": "a" * 40}}}, ("", "")),
    ],
)
def test_a_workflow_s_pull_request_and_its_tip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, actions: str, event: object, found: tuple[str, str]
) -> None:
    (tmp_path / "event.json").write_text(json.dumps(event))
    monkeypatch.setenv("GITHUB_ACTIONS", actions)
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    assert asked() == found
