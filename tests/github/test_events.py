"""A job's context from the events of the server: the two agree on what a pull request, a fork and a push are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlops_ci.github.context import GitHubContext, context
from tests.backends.forge_contract import BRANCH, opened
from tests.backends.github_place import GitHubPlace, place, still
from tests.github import events

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
