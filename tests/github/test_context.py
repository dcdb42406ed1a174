"""The job's context, from the environment and the event's document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.errors import UsageError
from mlops_ci.github.context import context, in_actions

ENVIRON = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/models",
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_SHA": "a" * 40,
    "GITHUB_REF": "refs/pull/7/merge",
    "GITHUB_BASE_REF": "main",
    "GITHUB_HEAD_REF": "topic",
    "GITHUB_RUN_ID": "99",
}


def event(tmp_path: Path, document: Any) -> dict[str, str]:
    path = tmp_path / "event.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return {**ENVIRON, "GITHUB_EVENT_PATH": str(path)}


def pull(full_name: str | None) -> dict[str, Any]:
    repo = {"full_name": full_name} if full_name else None
    return {"pull_request": {"number": 7, "head": {"sha": "b" * 40, "repo": repo}}}


def test_a_pull_request(tmp_path: Path) -> None:
    found = context(event(tmp_path, pull("acme/models")))
    assert (found.pull, found.head, found.fork) == (7, "b" * 40, False)
    assert (found.base_branch, found.head_branch, found.event) == ("main", "topic", "pull_request")
    assert found.run_url == "https://github.com/acme/models/actions/runs/99"


@pytest.mark.parametrize("full_name", ["stranger/models", None])
def test_a_fork_or_one_that_was_deleted(tmp_path: Path, full_name: str | None) -> None:
    assert context(event(tmp_path, pull(full_name))).fork


def test_a_push(tmp_path: Path) -> None:
    found = context(event(tmp_path, {"ref": "refs/heads/main"}))
    assert (found.pull, found.head, found.fork) == (0, "a" * 40, False)


@pytest.mark.parametrize(
    ("name", "before", "found"),
    [("push", "c" * 40, "c" * 40), ("push", "--all", ""), ("push", None, ""), ("pull_request", "c" * 40, "")],
)
def test_what_a_branch_was_at_before_a_push(tmp_path: Path, name: str, before: str | None, found: str) -> None:
    environ = {**event(tmp_path, {"before": before}), "GITHUB_EVENT_NAME": name}
    assert context(environ).before == found


def test_outside_of_actions() -> None:
    found = context({})
    assert (found.pull, found.head, found.run_url, found.payload) == (0, "", "", {})
    assert not in_actions({})
    assert in_actions(ENVIRON)


@pytest.mark.parametrize("document", ["{", "[]", '{"pull_request": 7}', '{"pull_request": {"number": "7"}}'])
def test_an_event_of_another_form(tmp_path: Path, document: str) -> None:
    environ = event(tmp_path, document)
    if document.startswith('{"'):
        assert (context(environ).pull, context(environ).head) == (0, "a" * 40)
        return
    with pytest.raises(UsageError, match="the event can't be read"):
        context(environ)


def test_an_event_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="No such file"):
        context({"GITHUB_EVENT_PATH": "/nowhere/event.json"})
