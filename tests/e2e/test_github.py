"""From a merge to production with the pull requests on GitHub: same commands, same promises."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mlops_ci.backends.github.forge import GitHubForge
from tests.backends.github_place import PEOPLE, TOKEN, GitHubPlace, github
from tests.e2e.person import Person
from tests.e2e.toy import config

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
WANTS = "{verified_in: staging, approvals: 1}"


@dataclass(frozen=True)
class Shop:
    """A person's clone, and its repository at GitHub."""

    person: Person
    place: GitHubPlace

    @property
    def forge(self) -> GitHubForge:
        """A reviewer's hands at GitHub."""
        return self.place.forge

    def mlops(self, *words: str, expect: int = 0) -> str:
        return " ".join(self.person.mlops(*words, expect=expect).split())

    def debugged(self, *words: str) -> str:
        """What a command prints with its tracebacks."""
        child = self.person.start(*words, "--debug")
        out, err = child.communicate(timeout=300)
        return f"{child.returncode} {out} {err}"


@pytest.fixture
def shop(toy: Person, tmp_path: Path) -> Iterator[Shop]:
    """The toy with two environments, its main branch pushed to GitHub; whatever it serves is stopped at the end."""
    places = f"staging: {{}}\n      production: {{requires: {WANTS}}}"
    toy.write("mlops.yaml", config(sys.executable).replace("production: {target: local}", places))
    toy.commit("Serve in two environments")
    with github(tmp_path / "github") as place:
        repo = place.hub.repository("toy", people=PEOPLE)
        toy.git("remote", "add", "origin", f"{place.server.address}/acme/toy.git")
        toy.git("push", "-q", "origin", "main", "first")
        environ = {
            "GITHUB_REPOSITORY": "acme/toy",
            "GITHUB_API_URL": place.server.api_url,
            "GITHUB_TOKEN": TOKEN,
            "NO_PROXY": "127.0.0.1",
        }
        person = replace(toy, environ=environ)
        yield Shop(person, replace(place, repo=repo))
        person.mlops("serve", "stop", "--all")


def test_from_a_merge_to_production(shop: Shop) -> None:
    person, faults = shop.person, shop.place.hub.faults
    shop.mlops("pull-request")
    person.merge("first")
    person.git("push", "-q", "origin", "main")

    faults.log.clear()
    assert "promote-production" in shop.mlops("merge")
    (pull,) = shop.forge.pulls()
    assert (pull.title, pull.branch) == ("Promote toy version 1 to production", "mlops-ci/promote/toy/production")
    assert pull.author == "github-actions[bot]"
    recording = [call for call in faults.log if "/deployments" in call[1]]
    assert len(recording) <= 11
    assert len(faults.log) - len(recording) <= 22

    before = faults.writes()
    assert "unchanged" in shop.mlops("merge")
    assert faults.writes() == before, "a second run with nothing new writes nothing"

    said = shop.mlops("forge", "list", expect=2)
    assert "the pull requests of acme/toy live on GitHub" in said

    shop.place.approve(pull.number)
    shop.forge.merge(pull.number, head=pull.head)
    person.git("pull", "-q", "--ff-only", "origin", "main")
    shop.mlops("merge")
    assert "approved by human" in shop.mlops("status")

    faults.add(path="/pulls", status=403, message=f"you sent Bearer {TOKEN}", times=9)
    failed = shop.debugged("promote", "--environment", "production")
    assert "Traceback" in failed
    assert "you sent Bearer ***" in failed
    assert TOKEN not in failed
