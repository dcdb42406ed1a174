"""GitHub's API calls of a run, and of a rerun with nothing new: real commands, counted by the tests' server.

Judging asks GitHub for nothing (tests/e2e/test_reviewers.py), so a run's calls are those of `report --begun` and
`report --publish`. Each model has a check run of its own, and 25 of them are made in one request. Commit statuses,
which stand in under a personal token, can't be: GraphQL has no mutation for them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from affected import repository

import paired
from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.reviewing import GitHubReviewing
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.forge import NewPull
from mlops_ci.records.results import Origin

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.backends.github_place import TOKEN, GitHubPlace, github
from tests.github.events import pull_request
from tests.report.test_reports import results

MOST = 15


@contextlib.contextmanager
def jobs(root: Path, models: int) -> Iterator[tuple[GitHubPlace, list[list[str]], dict[str, str]]]:
    """A workflow's two jobs that ask GitHub: a checkout with the results of `models` models, and the commands that mark
    an older commit's comment and show the results."""
    checkout = root / "checkout"
    checkout.mkdir()
    repository(checkout, models)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, check=True, capture_output=True, text=True).stdout
    names = [f"model-{index:03}" for index in range(models)]
    for name in names:
        for item in results():
            made = dataclasses.replace(item, model=name, origin=Origin(commit=head.strip()))
            Workspace(checkout).write_result(made)
    with github(root / "github") as place:
        place.commit("words", {"README.md": "words"})
        number = place.forge.open(NewPull(branch="words", base="main", title="Words", body="")).number
        event = root / "event.json"
        around = pull_request(place.server, place.repo, place.repo.pulls[number], "synchronize")
        event.write_text(json.dumps(around), "utf-8")
        environ = {
            **os.environ,
            "GITHUB_REPOSITORY": place.repo.full_name,
            "GITHUB_API_URL": place.server.api_url,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_SHA": head.strip(),
            "GITHUB_EVENT_PATH": str(event),
            "NO_PROXY": "127.0.0.1",
        }
        begun, publish = ["--begun"], ["--publish", "--expect", json.dumps(names)]
        program = [sys.executable, "-m", "mlops_ci", "report"]
        yield place, [[*program, *begun], [*program, *publish]], environ


def counted(root: Path, models: int) -> tuple[int, int, int]:
    """Calls of a run on a pull request that has an older commit's comment, calls of a second one, and how many of those
    were writes."""
    found = []
    with jobs(root, models) as (place, commands, environ):
        older = GitHubReviewing(Api(place.access))
        before = place.repo.bare.tip("main")
        assert older.verdict(1, "older", marker="report", head=before)
        for _ in range(2):
            place.hub.faults.log.clear()
            for words in commands:
                subprocess.run(words, cwd=root / "checkout", env=environ, check=True, capture_output=True)
            found.append((len(place.hub.faults.log), len(place.hub.faults.writes())))
        (comment,) = place.repo.pulls[1].comments
        assert "older" not in comment.body, "the run was shown"
        assert len(place.repo.checks) == models
    return found[0][0], found[1][0], found[1][1]


def rows() -> list[paired.Row]:
    """Calls of a run of 1, 9 and 60 models, and writes of a rerun."""
    made = []
    for models in (1, 9, 60):
        with tempfile.TemporaryDirectory() as folder:
            first, again, writes = counted(Path(folder), models)
        what = f"{models} model{'s' if models > 1 else ''}"
        made.append(row(f"a whole run, {what}: API calls", first, MOST, "an older comment, which is marked first"))
        made.append(row(f"a rerun with nothing new, {what}: writes", writes, 0, f"{again} reads"))
    return made


def row(what: str, value: int, at_most: int, note: str) -> paired.Row:
    """A count with its limit."""
    return paired.Row(
        what=what, ours=str(value), against="–", ratio="–", target=f"≤ {at_most}", met=value <= at_most, note=note
    )


if __name__ == "__main__":
    paired.main(rows)
