"""What a reviewer sees of a pull request on GitHub, by the command line: red, pushed again, green, in one comment."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mlops_ci.records.forge import NewPull, PullRequest
from tests.backends.github_place import PEOPLE, TOKEN, GitHubPlace, github
from tests.e2e.person import Person
from tests.e2e.toy import config
from tests.github.events import pull_request

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
RUN = "https://github.example.com/acme/toy/actions/runs/7"


@dataclass(frozen=True)
class Review:
    """A person's clone, its repository at GitHub, and the pull request."""

    person: Person
    place: GitHubPlace
    pull: PullRequest

    def push(self, least: float) -> str:
        """A commit that asks for so much of the model."""
        self.person.write("mlops.yaml", config(sys.executable, least=least))
        self.person.commit(f"Ask for {least}")
        self.person.git("push", "-q", "origin", "first")
        return self.person.git("rev-parse", "HEAD")

    def job(self, *words: str, expect: int = 0) -> str:
        """A job of the workflow that this commit has started. What it has asked GitHub is in the log."""
        head = self.person.git("rev-parse", "HEAD")
        made = pull_request(self.place.server, self.place.repo, self.place.repo.pulls[self.pull.number], "synchronize")
        made["pull_request"]["head"]["sha"] = head
        event = self.person.home.parent / "event.json"
        event.write_text(json.dumps(made))
        around = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_SHA": head, "GITHUB_EVENT_PATH": str(event)}
        self.place.hub.faults.log.clear()
        return replace(self.person, environ={**self.person.environ, **around}).mlops(*words, expect=expect)

    @property
    def comments(self) -> list[str]:
        return [item.body for item in self.place.repo.pulls[self.pull.number].comments]

    def writes(self) -> list[str]:
        return [path for _, path, _ in self.place.hub.faults.writes()]


@pytest.fixture
def review(toy: Person, tmp_path: Path) -> Iterator[Review]:
    with github(tmp_path / "github") as place:
        repo = place.hub.repository("toy", people=PEOPLE)
        place = replace(place, repo=repo)
        toy.git("remote", "add", "origin", f"{place.server.address}/acme/toy.git")
        toy.git("push", "-q", "origin", "main", "first")
        environ = {
            "GITHUB_REPOSITORY": "acme/toy",
            "GITHUB_SERVER_URL": "https://github.example.com",
            "GITHUB_API_URL": place.server.api_url,
            "GITHUB_TOKEN": TOKEN,
            "NO_PROXY": "127.0.0.1",
        }
        new = NewPull(branch="first", base="main", title="First | <b>@team</b>", body="")
        yield Review(replace(toy, environ=environ), place, place.forge.open(new))


def test_red_then_green_in_one_comment(review: Review) -> None:
    red = review.push(0.99)
    review.job("pull-request", expect=10)
    assert review.place.hub.faults.log == [], "judging asks GitHub for nothing"
    review.job("report", "--publish", "--expect", '["toy", "lost"]')
    assert len(review.place.hub.faults.log) <= 15
    (body,) = review.comments
    assert "## ❌ 2 models: 1 red, 1 not judged" in body
    assert red[:12] in body
    assert RUN in body
    found = {item["name"]: item for item in review.place.repo.checks}
    assert {name: item["conclusion"] for name, item in found.items()} == {
        "mlops-ci / toy": "failure",
        "mlops-ci / lost": "failure",
    }
    (where,) = [item for item in found["mlops-ci / toy"]["annotations"] if item["annotation_level"] == "failure"]
    gate = (review.person.home / "mlops.yaml").read_text().splitlines()[where["start_line"] - 1]
    assert (where["path"], "min: 0.99" in gate) == ("mlops.yaml", True)

    green = review.push(0.6)
    said = review.job("pull-request", "--publish")
    assert f"published: the comment of pull request {review.pull.number} is about {green[:12]}" in said
    (after,) = review.comments
    assert "## ✅ toy: FIRST: roc\\_auc 0." in after
    assert red[:12] not in after

    review.job("pull-request", "--publish")
    assert review.writes() == [], "the same commit, judged again: nothing new"
    assert review.comments == [after]

    review.person.git("checkout", "-q", red)
    said = review.job("report", "--publish", "--expect", '["toy"]')
    assert f"superseded: pull request {review.pull.number} has moved on from {red[:12]}; nothing was written" in said
    assert (review.writes(), review.comments) == ([], [after])

    review.person.git("checkout", "-q", "first")
    review.person.write("README.md", "# words\n")
    review.person.commit("Words")
    review.person.git("push", "-q", "origin", "first")
    review.place.hub.faults.add(method="PATCH", path="/comments", status=403, message="Resource not accessible")
    said = review.job("report", "--publish", "--expect", "[]")
    assert "::warning title=mlops-ci report::the comment was not written" in said
    review.job("report", "--publish", "--expect", "[]")
    (nothing,) = review.comments
    assert "No model is affected" in nothing
    assert "FIRST" not in nothing


def test_a_newer_commit_marks_the_older_one_s_numbers_until_it_is_judged(review: Review) -> None:
    """And one whose config can't even be read takes them away, without a word of what the config holds."""
    review.push(0.99)
    review.job("report", "--publish", "--expect", '["toy"]')
    (older,) = review.comments
    newer = review.push(0.6)
    said = review.job("report", "--begun")
    (marked,) = review.comments
    assert f"is about an older commit, and says so: judging has begun of {newer[:12]}" in said
    assert f"## ⏳ Commit `{newer[:12]}` has no verdict yet" in marked
    assert marked.endswith(older.partition("\n")[2])
    assert len(review.place.hub.faults.log) == 4
    review.job("report", "--begun")
    assert review.writes() == []

    review.person.write("mlops.yaml", "version: 1\nmodels: {toy: {task: s3cret}}\n")
    review.person.commit("Break it")
    review.person.git("push", "-q", "origin", "first")
    said = review.job("report", "--publish", "--expect", " ", expect=2)
    (nothing,) = review.comments
    assert "s3cret" in said
    assert "## ❔ Nothing was judged" in nothing
    assert "`mlops.yaml:2` can't be used; the run's log says why." in nothing
    assert "s3cret" not in nothing
