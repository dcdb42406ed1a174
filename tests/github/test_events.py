"""A job's context from the events of the server: the two agree on what a pull request, a fork and a push are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.github.context import GitHubContext, context
from tests.backends.forge_contract import BRANCH, opened
from tests.backends.github_place import GitHubPlace, place, still
from tests.github import events
from tests.github.hub import Run

__all__ = ["place", "still"]


def told(tmp_path: Path, payload: dict[str, Any]) -> GitHubContext:
    (tmp_path / "event.json").write_text(json.dumps(payload), "utf-8")
    return context({"GITHUB_REPOSITORY": "acme/models", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")})


def test_a_pull_request_and_its_fork(place: GitHubPlace, tmp_path: Path) -> None:
    pull = opened(place.forge)
    newer = place.commit(BRANCH, {"note.txt": "x"})
    stored = place.repo.pulls[pull.number]
    found = told(tmp_path, events.pull_request(place.server, place.repo, stored, "synchronize"))
    assert (found.pull, found.head, found.fork) == (pull.number, newer, False)
    stored.owner = "stranger"
    assert told(tmp_path, events.pull_request(place.server, place.repo, stored, "opened")).fork


def test_a_push(place: GitHubPlace, tmp_path: Path) -> None:
    before = place.repo.bare.tip("main")
    after = place.commit("main", {"kept.txt": "newer"})
    payload = events.push(place.server, place.repo, "main", before=before, login="human")
    assert (payload["after"], payload["head_commit"]["id"], len(payload["commits"])) == (after, after, 1)
    assert told(tmp_path, payload).pull == 0


def test_a_merge_group(place: GitHubPlace, tmp_path: Path) -> None:
    pull = place.repo.pulls[opened(place.forge).number]
    payload = events.merge_group(place.server, place.repo, pull)
    group = payload["merge_group"]
    assert place.repo.bare.tip(group["head_ref"].removeprefix("refs/heads/")) == group["head_sha"]
    assert place.repo.bare.commit(group["head_sha"]).parents == (group["base_sha"], pull.head)
    assert told(tmp_path, payload).pull == 0


def test_a_run_of_a_fork(place: GitHubPlace, tmp_path: Path) -> None:
    run = Run(id=7, head=place.repo.bare.tip("main"), branch="x", repository="stranger/models", conclusion="failure")
    payload = events.workflow_run(place.server, place.repo, run)
    assert payload["workflow_run"]["head_repository"]["full_name"] == "stranger/models"
    assert told(tmp_path, payload).payload["workflow_run"]["id"] == 7


def test_a_payload_that_github_would_not_send_is_noticed(place: GitHubPlace) -> None:
    pull = place.repo.pulls[opened(place.forge).number]
    payload = events.pull_request(place.server, place.repo, pull, "opened")
    with pytest.raises(AssertionError, match=r"pull-request-opened: .*number"):
        place.server.description.event("pull-request-opened", {**payload, "number": "seven"})
    with pytest.raises(AssertionError, match=r"pull-request-opened: .*action"):
        place.server.description.event("pull-request-opened", {**payload, "action": "pushed"})
