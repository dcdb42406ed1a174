"""The server for tests behaves as GitHub's description says, and notices who does not."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.backends.forge_contract import BRANCH, opened
from tests.backends.github_place import TOKEN, GitHubPlace, github, place, still

__all__ = ["place", "still"]
BEARER = {"authorization": f"Bearer {TOKEN}"}


def call(place: GitHubPlace, method: str, path: str, **named: Any) -> requests.Response:
    headers = {**BEARER, **named.pop("headers", {})}
    url = f"{place.server.api_url}/repos/acme/models/{path}"
    return requests.request(method, url, headers=headers, timeout=10, **named)


@pytest.fixture
def wrong(tmp_path: Path) -> Iterator[GitHubPlace]:
    """A place at which something is sent that the description forbids."""
    with github(tmp_path) as made:
        yield made
        assert made.server.violations
        made.server.violations.clear()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "pulls", {"title": "no branches"}),
        ("POST", "check-runs", {"name": "x", "head_sha": "y", "conclusion": "fine"}),
        ("POST", "statuses/abc", {"state": "green"}),
        ("PATCH", "pulls/1", {"title": 7}),
        ("POST", "nowhere", {}),
    ],
)
def test_a_request_that_the_description_forbids_is_noticed(
    wrong: GitHubPlace, method: str, path: str, body: dict[str, Any]
) -> None:
    call(wrong, method, path, json=body)
    assert f"{method} /repos/acme/models/{path}" in wrong.server.violations[0]


def test_an_answer_that_the_description_forbids_is_noticed(wrong: GitHubPlace) -> None:
    pull = opened(wrong.forge)
    wrong.repo.pulls[pull.number].state = "half open"
    assert call(wrong, "GET", f"pulls/{pull.number}").status_code == 200
    assert "half open" in wrong.server.violations[0]


def test_git_itself_pushes_over_http(place: GitHubPlace, tmp_path: Path) -> None:
    url = f"{place.server.address}/acme/models.git"
    subprocess.run(["git", "clone", "-q", url, str(tmp_path / "clone")], check=True)
    (tmp_path / "clone/new.txt").write_text("new\n")
    (tmp_path / "clone/large.bin").write_bytes(random.Random(1).randbytes(3_000_000))
    for words in (["add", "-A"], ["commit", "-qm", "New"], ["push", "-q", "origin", "HEAD:topic"]):
        subprocess.run(["git", "-C", str(tmp_path / "clone"), *words], check=True)
    tip = place.forge.tip("topic")
    assert place.forge.read("new.txt", at=tip) == b"new\n"
    assert place.forge.read("large.bin", at=tip) == (tmp_path / "clone/large.bin").read_bytes(), "more than 1 MiB"


def test_a_pull_request_follows_its_branch(place: GitHubPlace) -> None:
    pull = opened(place.forge)
    newer = place.commit(BRANCH, {"note.txt": "x"})
    assert place.forge.pull(pull.number).head == newer
    place.delete(BRANCH)
    found = place.forge.pull(pull.number)
    assert (found.state.value, found.head) == ("closed", newer)


def test_unchanged_answers_cost_nothing(place: GitHubPlace) -> None:
    first = call(place, "GET", "pulls")
    left = place.server.limits.left
    again = call(place, "GET", "pulls", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, place.server.limits.left) == (304, b"", left)
    opened(place.forge)
    assert call(place, "GET", "pulls", headers={"if-none-match": first.headers["etag"]}).status_code == 200


def test_pages_are_linked(place: GitHubPlace) -> None:
    number = opened(place.forge).number
    for count in range(5):
        place.comment(number, str(count))
    first = call(place, "GET", f"issues/{number}/comments", params={"per_page": "2"})
    assert [item["body"] for item in first.json()] == ["0", "1"]
    last = requests.get(first.links["last"]["url"], headers=BEARER, timeout=10)
    assert [item["body"] for item in last.json()] == ["4"]
    assert "next" not in last.links


def test_merges_in_every_way(place: GitHubPlace) -> None:
    for number, (method, parents) in enumerate((("squash", 1), ("merge", 2), ("rebase", 1)), start=1):
        place.commit(f"b{number}", {f"{number}.txt": "x"})
        opened(place.forge, branch=f"b{number}")
        merged = call(place, "PUT", f"pulls/{number}/merge", json={"merge_method": method})
        assert len(place.repo.bare.commit(merged.json()["sha"]).parents) == parents
        found = call(place, "GET", f"commits/{merged.json()['sha']}/pulls").json()
        assert [item["number"] for item in found] == [number]


@pytest.mark.parametrize("header", ["", "Bearer nobody", "Bearer a.b.c", "Basic abc"])
def test_nobody_is_let_in_without_a_token(place: GitHubPlace, header: str) -> None:
    assert call(place, "GET", "pulls", headers={"authorization": header}).status_code == 401
