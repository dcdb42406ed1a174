"""GitHub's API calls of a run, and of a rerun with nothing new: real commands, counted by the tests' server.

Judging asks GitHub for nothing (tests/e2e/test_reviewers.py), so a run's calls are those of `report --publish`.
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
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.forge import NewPull
from mlops_ci.records.results import Origin

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.backends.github_place import TOKEN, GitHubPlace, github
from tests.github.events import pull_request
from tests.report.test_reports import results

MOST = 15


@contextlib.contextmanager
def job(root: Path, models: int) -> Iterator[tuple[GitHubPlace, list[str], dict[str, str]]]:
    """A workflow's last job: a checkout with the results of `models` models, and the command that shows them."""
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
        words = [sys.executable, "-m", "mlops_ci", "report", "--publish", "--expect", json.dumps(names)]
        yield place, words, environ


def counted(root: Path, models: int) -> tuple[int, int, int]:
    """Calls of the first run, calls of the second, and how many of those were writes."""
    found = []
    with job(root, models) as (place, words, environ):
        for _ in range(2):
            place.hub.faults.log.clear()
            subprocess.run(words, cwd=root / "checkout", env=environ, check=True, capture_output=True)
            # GraphQL was asked whose the token is, which writes nothing.
            wrote = [item for item in place.hub.faults.writes() if not item[1].endswith("/graphql")]
            found.append((len(place.hub.faults.log), len(wrote)))
        assert len(place.repo.checks) == models, "the run was shown"
    return found[0][0], found[1][0], found[1][1]


def rows() -> list[paired.Row]:
    """Calls of a run of 1, 5 and 9 models, and writes of a rerun."""
    made = []
    for models in (1, 5, 9):
        with tempfile.TemporaryDirectory() as folder:
            first, again, writes = counted(Path(folder), models)
        what = f"{models} model{'s' if models > 1 else ''}"
        made.append(row(f"a whole run, {what}: API calls", first, MOST, "one comment, a check a model"))
        made.append(row(f"a rerun with nothing new, {what}: writes", writes, 0, f"{again} reads"))
    return made


def row(what: str, value: int, at_most: int, note: str) -> paired.Row:
    """A count with its limit."""
    return paired.Row(
        what=what, ours=str(value), against="–", ratio="–", target=f"≤ {at_most}", met=value <= at_most, note=note
    )


if __name__ == "__main__":
    paired.main(rows)
