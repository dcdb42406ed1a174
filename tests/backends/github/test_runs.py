"""Runs at GitHub: which pull request one was for, and its artifacts, fetched where no token must come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_ci.backends.github import runs as module
from mlops_ci.backends.github.runs import WorkflowRuns
from mlops_ci.errors import ArchiveRefused, BackendError, UsageError
from mlops_ci.records.runs import Artifact
from tests.backends.github_place import GitHubPlace, place, still
from tests.github.hub import Pull, Run

__all__ = ["place", "still"]
pytestmark = pytest.mark.slow
BRANCH = "better"


@pytest.fixture
def runs(place: GitHubPlace) -> WorkflowRuns:
    return WorkflowRuns(place.forge.api)


def from_fork(place: GitHubPlace, *, owner: str = "eve", base: str = "main") -> Pull:
    """A pull request whose branch is in a fork. Its commit is known here, as GitHub keeps it below refs/pull/."""
    number = len(place.repo.pulls) + 1
    head = place.commit(f"refs-of-{owner}", {"note.txt": owner}) if number == 1 else place.repo.pulls[1].head
    pull = Pull(
        number=number,
        title="Better",
        body=None,
        branch=BRANCH,
        base=base,
        head=head,
        login=owner,
        opened_at=place.hub.now(),
        opened=number,
        owner=owner,
    )
    place.repo.pulls[number] = pull
    return pull


def ran(place: GitHubPlace, pull: Pull, **changed: object) -> Run:
    """A run for the pull request's commit."""
    made = Run(id=place.hub.fresh(), head=pull.head, branch=pull.branch, repository=f"{pull.owner}/models")
    made = replace(made, **changed)  # type: ignore[arg-type]
    place.repo.runs[made.id] = made
    return made


def test_a_run_is_of_the_pull_request_with_its_commit_and_repository(place: GitHubPlace, runs: WorkflowRuns) -> None:
    pull, other = from_fork(place), from_fork(place, owner="mallory")
    assert pull.head == other.head, "the same commit in two forks"
    found = runs.run(ran(place, pull).id)
    assert (found.event, found.head, found.repository) == ("pull_request", pull.head, "eve/models")
    assert [item.number for item in runs.pulls(found)] == [pull.number]
    assert runs.pulls(found)[0].branch == "eve:better"


def test_a_run_for_two_bases_is_of_both(place: GitHubPlace, runs: WorkflowRuns) -> None:
    place.commit("stable", {"x": "y"})
    pull, other = from_fork(place), from_fork(place, base="stable")
    found = runs.pulls(runs.run(ran(place, pull).id))
    assert [item.number for item in found] == [pull.number, other.number]


@pytest.mark.parametrize("changed", [{"head": "b" * 40}, {"repository": "mallory/models"}, {"branch": "other"}])
def test_no_other_run_is_of_it(place: GitHubPlace, runs: WorkflowRuns, changed: dict[str, object]) -> None:
    pull = from_fork(place)
    assert runs.pulls(runs.run(ran(place, pull, **changed).id)) == ()


def test_a_closed_pull_request_has_none(place: GitHubPlace, runs: WorkflowRuns) -> None:
    pull = from_fork(place)
    pull.state = "closed"
    assert runs.pulls(runs.run(ran(place, pull).id)) == ()


def test_a_run_that_is_not_there(runs: WorkflowRuns) -> None:
    with pytest.raises(UsageError, match="there is no workflow run 5 in acme/models"):
        runs.run(5)


def test_artifacts_are_listed_to_the_end_and_the_newest_of_a_name_counts(
    place: GitHubPlace, runs: WorkflowRuns
) -> None:
    content = {number: (f"a-{number}", b"zip") for number in range(1, 120)}
    made = ran(place, from_fork(place), artifacts={**content, 500: ("a-1", b"newer")})
    found = {item.name: item for item in runs.artifacts(runs.run(made.id))}
    assert len(found) == 119
    assert (found["a-1"].number, found["a-1"].size) == (500, 5)


def test_a_zip_is_fetched_without_a_token_and_never_more_than_asked(place: GitHubPlace, runs: WorkflowRuns) -> None:
    ran(place, from_fork(place), artifacts={4: ("a", b"x" * 1000)})
    item = Artifact(number=4, name="a", size=1)  # what it says of its size is not believed
    assert runs.fetch(item, most=1000) == b"x" * 1000
    with pytest.raises(ArchiveRefused, match="it has more than 999 bytes"):
        runs.fetch(item, most=999)


def test_a_zip_that_is_gone(place: GitHubPlace, runs: WorkflowRuns) -> None:
    made = ran(place, from_fork(place), artifacts={4: ("a", b"x")}, expired={4})
    assert runs.artifacts(runs.run(made.id))[0].expired
    with pytest.raises(BackendError, match="410"):
        runs.fetch(Artifact(number=4, name="a", size=1), most=9)


def test_no_link_is_shown_where_nobody_answers(
    place: GitHubPlace, runs: WorkflowRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(place, from_fork(place), artifacts={4: ("a", b"x")})
    place.hub.address = "http://127.0.0.1:1"
    with pytest.raises(BackendError) as caught:
        runs.fetch(Artifact(number=4, name="a", size=1), most=9)
    assert str(caught.value) == "the artifact 4 can't be fetched: ConnectionError"
    place.hub.address = "http://elsewhere.example"
    with pytest.raises(BackendError, match="is no https URL"):
        runs.fetch(Artifact(number=4, name="a", size=1), most=9)
    assert module.TRIES == 3
