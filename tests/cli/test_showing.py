"""What reviewers see of a run: the comment and the checks at GitHub, and what is left alone."""

from __future__ import annotations

import dataclasses

import pytest

from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.reviewing import GitHubReviewing
from mlops_ci.cli.showing import inside, marker, publish
from mlops_ci.records.forge import PullRequest
from mlops_ci.records.results import Origin, StageResult, Status
from mlops_ci.records.showing import About, Commented, Shown
from mlops_ci.report.collect import ModelReport, Report
from tests.backends.forge_contract import BRANCH, opened
from tests.backends.github_place import GitHubPlace, place, still
from tests.report.test_reports import results

__all__ = ["place", "still"]
pytestmark = pytest.mark.slow
RUN = "https://github.example.com/acme/models/actions/runs/7"


@pytest.fixture
def pull(place: GitHubPlace) -> PullRequest:
    return opened(place.forge)


def of(head: str, *models: str, gate: Status = Status.PASSED) -> Report:
    """Judged results of these models, made from `head`."""

    def made(model: str) -> tuple[StageResult, ...]:
        found = results(gate=gate)
        return tuple(dataclasses.replace(item, model=model, origin=Origin(commit=head)) for item in found)

    return Report(models=tuple(ModelReport(model=model, results=made(model)) for model in models))


def shown(place: GitHubPlace, request: PullRequest, report: Report, **changed: object) -> Shown:
    """One job's publishing: a process of its own knows nothing of what another has asked."""
    names = tuple(model.model for model in report.models)
    about = About(head=request.head, pull=request.number, expected=names, run_url=RUN)
    about = dataclasses.replace(about, **changed)  # type: ignore[arg-type]
    place.hub.faults.log.clear()
    about = dataclasses.replace(about, commits=(about.head,))
    return publish(report, about, reviewing=GitHubReviewing(Api(place.access)))


def comments(place: GitHubPlace, pull: PullRequest) -> list[str]:
    return [item.body for item in place.repo.pulls[pull.number].comments]


def writes(place: GitHubPlace) -> list[tuple[str, str, int]]:
    return place.hub.faults.writes()


def test_one_comment_and_a_check_a_model_and_nothing_twice(place: GitHubPlace, pull: PullRequest) -> None:
    report = of(pull.head, "a", "b", "c", "d", "e")
    found = shown(place, pull, report)
    assert (found.comment, len(found.checks), found.problems) == (Commented.WRITTEN, 5, ())
    assert len(place.hub.faults.log) <= 15
    assert [item["name"] for item in place.repo.checks] == [f"mlops-ci / {name}" for name in "abcde"]
    (body,) = comments(place, pull)
    assert body.splitlines()[3] == "## ✅ 5 models: 5 better"

    again = [
        dataclasses.replace(model, results=tuple(dataclasses.replace(item, seconds=60.0) for item in model.results))
        for model in report.models
    ]
    assert shown(place, pull, Report(models=tuple(again))).comment is Commented.WRITTEN
    assert writes(place) == [], "a rerun that took longer has nothing new"
    assert comments(place, pull) == [body]


def test_a_red_gate_is_a_failed_check_at_its_line(place: GitHubPlace, pull: PullRequest) -> None:
    shown(place, pull, of(pull.head, "m", gate=Status.FAILED), folder="models/")
    (check,) = place.repo.checks
    assert (check["name"], check["conclusion"]) == ("mlops-ci / models/m", "failure")
    (first, *_) = check["annotations"]
    assert (first["path"], first["start_line"], first["annotation_level"]) == ("models/mlops.yaml", 9, "failure")


def test_a_newer_push_gets_the_same_comment(place: GitHubPlace, pull: PullRequest) -> None:
    shown(place, pull, of(pull.head, "m", gate=Status.FAILED))
    newer = place.commit(BRANCH, {"note.txt": "x"})
    shown(place, pull, of(newer, "m"), head=newer)
    (body,) = comments(place, pull)
    assert "## ✅ m: BETTER" in body
    assert newer[:12] in body
    assert pull.head not in body


def test_a_run_that_was_overtaken_writes_nothing(place: GitHubPlace, pull: PullRequest) -> None:
    place.commit(BRANCH, {"note.txt": "x"})
    assert shown(place, pull, of(pull.head, "m")).comment is Commented.SUPERSEDED
    assert place.hub.faults.writes() == []
    assert (comments(place, pull), place.repo.checks) == ([], [])


def test_what_was_never_judged_is_told(place: GitHubPlace, pull: PullRequest) -> None:
    shown(place, pull, Report(models=(ModelReport(model="m", results=()),)))
    assert "## ❔ m: NOT JUDGED" in comments(place, pull)[0]
    assert place.repo.checks[0]["conclusion"] == "failure"
    shown(place, pull, Report(models=()), expected=None)
    assert "## ❔ Nothing was judged" in comments(place, pull)[0]


def test_no_affected_model_writes_over_a_comment_and_makes_none(place: GitHubPlace, pull: PullRequest) -> None:
    assert shown(place, pull, of(pull.head)).comment is Commented.NOT_NEEDED
    assert writes(place) == []
    shown(place, pull, of(pull.head, "m"))
    newer = place.commit(BRANCH, {"note.txt": "x"})
    assert shown(place, pull, of(newer), head=newer).comment is Commented.WRITTEN
    (body,) = comments(place, pull)
    assert "No model is affected" in body
    assert "+0.0223" not in body


def test_a_person_s_comment_is_left_alone(place: GitHubPlace, pull: PullRequest) -> None:
    place.comment(pull.number, "<!-- mlops-ci:report -->\nmine")
    shown(place, pull, of(pull.head, "m"))
    assert comments(place, pull)[0].endswith("mine")
    assert len(comments(place, pull)) == 2


@pytest.mark.parametrize(
    ("path", "problem"), [("/comments", "the comment was"), ("/check-runs", "the check 'mlops-ci")]
)
def test_what_github_refuses_is_a_sentence(place: GitHubPlace, pull: PullRequest, path: str, problem: str) -> None:
    place.hub.faults.add(method="POST", path=path, status=403, message="Resource not accessible by integration")
    found = shown(place, pull, of(pull.head, "m"))
    (said,) = found.problems
    assert said.startswith(problem)
    assert (len(comments(place, pull)), len(place.repo.checks)) == ((0, 1) if path == "/comments" else (1, 0))


def test_a_pull_request_that_can_t_be_read(place: GitHubPlace, pull: PullRequest) -> None:
    found = shown(place, pull, of(pull.head, "m"), pull=99)
    assert found.comment is Commented.FAILED
    assert "99" in found.problems[0]


def test_a_commit_without_a_pull_request_has_checks_alone(place: GitHubPlace, pull: PullRequest) -> None:
    found = shown(place, pull, of(pull.head, "m"), pull=0)
    assert found.comment is Commented.NOT_NEEDED
    assert (comments(place, pull), len(place.repo.checks)) == ([], 1)


def test_a_place_outside_of_the_repository_is_none() -> None:
    assert inside("models/mlops.yaml")
    for path in ("", "/etc/passwd", "../up.yaml", "a//b", "./a", "a\nb", "a\u202eb", "n" * 5_000):
        assert not inside(path)


def test_each_config_has_its_comment() -> None:
    about = About(head="a" * 40)
    other = [marker(dataclasses.replace(about, folder=folder)) for folder in ("a/", "b-->/")]
    assert len({marker(about), *other}) == 3
    assert marker(about) == "report"
    assert not any(">" in item for item in other)
