"""What reviewers see at GitHub: the newest verdict, checks, statuses and deployments, each once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlops_ci.backends.github import checks_together
from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.budget import BUDGET, fit
from mlops_ci.backends.github.reviewing import GitHubReviewing
from mlops_ci.errors import BackendError
from mlops_ci.records.forge import PullRequest, stamp
from mlops_ci.records.github import TokenKind
from mlops_ci.records.reviewing import Annotation, CheckRun, Conclusion, Deployed, DeployState, Level, shown
from tests.backends.forge_contract import BRANCH, opened
from tests.backends.github.test_writes import each_loss
from tests.backends.github_place import GitHubPlace, place, still

__all__ = ["place", "still"]
pytestmark = pytest.mark.slow


@pytest.fixture
def reviewing(place: GitHubPlace) -> GitHubReviewing:
    return GitHubReviewing(place.forge.api)


def a_check(place: GitHubPlace, **changed: object) -> CheckRun:
    made = CheckRun(
        name="mlops-ci / churn",
        head=place.repo.bare.tip("main"),
        conclusion=Conclusion.FAILURE,
        title="WORSE: roc_auc −0.02",
        summary="### Gates",
        annotations=(Annotation(path="mlops.yaml", line=14, level=Level.FAILURE, title="gate", message="too low"),),
        url="https://ci.example.com/report",
    )
    return replace(made, **changed)  # type: ignore[arg-type]


# verdicts


def test_a_newer_run_rewrites_the_comment(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    pull = opened(place.forge)
    assert reviewing.verdict(pull.number, "first", marker="report", head=pull.head)
    newer = place.commit(BRANCH, {"note.txt": "x"})
    assert reviewing.verdict(pull.number, "second", marker="report", head=newer)
    (found,) = place.forge.comments(pull.number)
    assert found.body == f"{stamp('report')}\n{stamp(f'head:{newer}')}\nsecond"


def test_an_older_run_leaves_the_newer_one_s_comment(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    pull = opened(place.forge)
    newer = place.commit(BRANCH, {"note.txt": "x"})
    assert reviewing.verdict(pull.number, "second", marker="report", head=newer)
    before = place.hub.faults.writes()
    assert not reviewing.verdict(pull.number, "first", marker="report", head=pull.head)
    assert place.hub.faults.writes() == before
    assert place.forge.comments(pull.number)[0].body.endswith("second")


def test_between_two_runs_that_are_both_old_the_newer_one_wins(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    pull = opened(place.forge)
    second = place.commit(BRANCH, {"note.txt": "2"})
    place.commit(BRANCH, {"note.txt": "3"})
    assert reviewing.verdict(pull.number, "first", marker="report", head=pull.head)
    assert reviewing.verdict(pull.number, "second", marker="report", head=second)
    assert not reviewing.verdict(pull.number, "first", marker="report", head=pull.head)


def test_a_force_push_to_an_older_commit_is_the_newest_run(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    pull = opened(place.forge)
    newer = place.commit(BRANCH, {"note.txt": "x"})
    assert reviewing.verdict(pull.number, "second", marker="report", head=newer)
    place.force(BRANCH, pull.head)
    assert reviewing.verdict(pull.number, "first again", marker="report", head=pull.head)
    assert place.forge.comments(pull.number)[0].body.endswith("first again")


def test_an_older_run_that_is_overtaken_takes_its_comment_back(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    pull = opened(place.forge)
    newer = place.commit(BRANCH, {"note.txt": "x"})
    other = GitHubReviewing(Api(place.access))

    def overtaken() -> None:
        assert other.verdict(pull.number, "second", marker="report", head=newer)

    place.hub.faults.add(method="POST", path="/comments", first=overtaken)
    assert not reviewing.verdict(pull.number, "first", marker="report", head=pull.head)
    (found,) = place.forge.comments(pull.number)
    assert found.body.endswith("second")


def test_while_a_newer_commit_is_judged_the_comment_says_so(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    """Once, until its verdict; and no longer where the branch goes back to the commit that the comment is about."""
    pull, faults = opened(place.forge), place.hub.faults

    def first() -> tuple[bool | None, bool | None]:
        """The run of the first commit: when it begins, and its verdict."""
        begun = reviewing.begun(pull.number, "Begun", marker="report", head=pull.head)
        return begun, reviewing.verdict(pull.number, "## first", marker="report", head=pull.head, fingerprint="ab")

    assert first() == (None, True)
    before, writes = text(place, pull), faults.writes()
    assert first() == (None, True)
    assert faults.writes() == writes, "the same commit again"

    newer = place.commit(BRANCH, {"note.txt": "x"})
    for _ in range(2):
        assert reviewing.begun(pull.number, "## Begun", marker="report", head=newer)
    assert len(faults.writes()) == len(writes) + 1
    marker, _, note, _, *rest = text(place, pull).splitlines()
    assert ("\n".join([marker, *rest]), note) == (before, "## Begun")
    assert first() == (False, False), "an older run that comes late"

    newest = place.commit(BRANCH, {"note.txt": "y"})
    assert reviewing.begun(pull.number, "## Begun again", marker="report", head=newest)
    assert "## Begun\n" not in text(place, pull)
    place.force(BRANCH, pull.head)
    assert reviewing.begun(pull.number, "Begun", marker="report", head=pull.head) is None
    assert text(place, pull) == before

    place.force(BRANCH, newest)
    assert reviewing.begun(pull.number, "## Begun", marker="report", head=newest)
    place.force(BRANCH, pull.head)
    assert reviewing.verdict(pull.number, "## first", marker="report", head=pull.head, fingerprint="ab")
    assert text(place, pull) == before, "what said the same already is written all the same, to be rid of the note"


def text(place: GitHubPlace, pull: PullRequest) -> str:
    (found,) = place.forge.comments(pull.number)
    return found.body


@each_loss
def test_a_verdict_is_there_once(place: GitHubPlace, reviewing: GitHubReviewing, lost: dict[str, object]) -> None:
    pull = opened(place.forge)
    place.hub.faults.add(method="POST", path="/comments", **lost)
    assert reviewing.verdict(pull.number, "text", marker="report", head=pull.head)
    before = place.hub.faults.writes()
    assert reviewing.verdict(pull.number, "text", marker="report", head=pull.head)
    assert place.hub.faults.writes() == before
    assert len(place.repo.pulls[pull.number].comments) == 1


def test_a_text_that_is_too_long_is_cut_between_sections(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    pull = opened(place.forge)
    sections = "\n\n".join(f"## Model {number}\n\n" + "ä" * 3_000 for number in range(20))
    assert reviewing.verdict(pull.number, sections, marker="report", head=pull.head)
    body = place.forge.comments(pull.number)[0].body
    assert len(body.encode()) <= BUDGET + 200
    assert body.endswith("ä\n\n_The rest did not fit; the full report has everything._")
    assert body.count("## Model") == 9


@pytest.mark.parametrize("opener", ["```json\n", "~~~~\n", "<details><summary>more</summary>\n\n"])
def test_what_a_cut_leaves_open_is_closed(opener: str) -> None:
    cut = fit(f"# Title\n\n```\nclosed\n```\n\n{opener}" + "line\n" * 500, 1_000)
    assert len(cut.encode()) <= 1_000
    closer = "</details>" if opener.startswith("<") else opener.strip("json\n")
    assert cut.split("line\n")[-1].split("_The rest")[0].strip().splitlines()[-1] == closer
    assert fit("short") == "short"


# checks


def test_a_check_is_shown_once_and_replaced_by_a_later_one(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    run = a_check(place)
    (url,) = reviewing.checks([run])
    assert reviewing.checks([run]) == [url]
    (first,) = place.repo.checks
    assert (first["conclusion"], first["status"], first["output"]["title"]) == ("failure", "completed", run.title)
    assert first["annotations"][0]["start_line"] == 14
    reviewing.checks([replace(run, conclusion=Conclusion.SUCCESS, annotations=())])
    reviewing.checks([run])
    assert [item["conclusion"] for item in place.repo.checks] == ["failure", "success", "failure"]


@each_loss
def test_a_check_is_there_once(place: GitHubPlace, reviewing: GitHubReviewing, lost: dict[str, object]) -> None:
    place.hub.faults.add(method="POST", path="/check-runs", **lost)
    reviewing.checks([a_check(place)])
    assert len(place.repo.checks) == 1


def many(place: GitHubPlace, count: int) -> list[CheckRun]:
    return [replace(a_check(place), name=f"mlops-ci / model-{number:03}") for number in range(count)]


def test_all_checks_of_a_commit_are_listed_once_and_made_together(
    place: GitHubPlace, reviewing: GitHubReviewing
) -> None:
    runs, log = many(place, 120), place.hub.faults.log
    shown = reviewing.checks(runs)
    assert len(place.hub.faults.writes()) == 5, "25 a request"
    assert len(log) == 7, "who we are, what is there, what was not"
    assert [item["name"] for item in place.repo.checks] == [run.name for run in runs]
    alone = replace(runs[0], name="mlops-ci / alone")
    reviewing.checks([alone])
    first, *_, last = place.repo.checks
    assert {key: first[key] for key in last if key not in ("id", "name", "external_id")} == {
        key: last[key] for key in last if key not in ("id", "name", "external_id")
    }, "as one that is made by itself"

    log.clear()
    assert reviewing.checks(runs) == shown
    assert [method for method, *_ in log] == ["GET", "GET"], "two pages"
    log.clear()
    reviewing.checks([])
    assert not log


def test_one_check_that_is_refused_is_its_own_fault(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    first, second, *rest = many(place, 4)
    wrong = replace(second, head="f" * 40)
    place.hub.faults.add(method="POST", path="/check-runs", status=422)
    one, refused, *others = reviewing.checks([first, wrong, *rest])
    assert isinstance(refused, BackendError)
    assert [item["name"] for item in place.repo.checks] == [run.name for run in (first, *rest)]
    assert all(isinstance(url, str) for url in (one, *others))


@each_loss
def test_checks_that_are_made_together_are_there_once(
    place: GitHubPlace, reviewing: GitHubReviewing, lost: dict[str, object]
) -> None:
    assert reviewing.api.login
    place.hub.faults.add(method="POST", path="/graphql", **lost)
    found = reviewing.checks(many(place, 3))
    assert len(place.repo.checks) == 3
    assert all(isinstance(url, str) for url in found)


def test_what_graphql_made_and_gave_no_answer_about_is_not_made_again(
    place: GitHubPlace, reviewing: GitHubReviewing
) -> None:
    """As GitHub answers where a request took it too long."""
    assert reviewing.api.login
    late = json.dumps({"data": None, "errors": [{"message": "Something went wrong"}]}).encode()
    place.hub.faults.add(method="POST", path="/graphql", status=200, body=late, after=True)
    reviewing.checks(many(place, 3))
    assert len(place.repo.checks) == 3


def test_where_graphql_refuses_all_each_is_made_by_itself(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    assert reviewing.api.login
    place.hub.faults.add(method="POST", path="/graphql", status=403)
    reviewing.checks(many(place, 3))
    assert len(place.repo.checks) == 3


def test_a_request_is_no_larger_than_it_may_be() -> None:
    bodies = [{"name": str(number), "text": "x" * 120_000} for number in range(9)]
    assert [len(batch) for batch in checks_together.batches(bodies)] == [4, 4, 1]
    assert list(checks_together.batches([{"text": "x" * 600_000}])) == [[{"text": "x" * 600_000}]]


def test_nine_annotations_and_how_many_more(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    (one,) = a_check(place).annotations
    reviewing.checks([a_check(place, annotations=tuple(replace(one, line=number) for number in range(1, 31)))])
    made = place.repo.checks[0]["annotations"]
    assert (len(made), made[-1]["title"]) == (10, "21 more")
    assert len(shown((one,) * 10)) == 10
    assert shown((one,) * 10)[-1] == one


def test_a_check_that_says_too_much_is_cut(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    reviewing.checks([a_check(place, title="t" * 400, summary="s" * 70_000, text="x\n" * 70_000)])
    output = place.repo.checks[0]["output"]
    assert len(output["title"]) == 255
    assert max(len(output["summary"]), len(output["text"])) <= BUDGET


def test_a_personal_token_makes_a_status_instead(place: GitHubPlace) -> None:
    place.hub.token("ghp_ann", "ann")
    api = Api(replace(place.access, kind=TokenKind.PERSONAL, token="ghp_ann"))
    run = a_check(place, title="t" * 200)
    for _ in range(2):
        assert GitHubReviewing(api).checks([run]) == [run.url]
    (made,) = place.repo.statuses
    assert (made["context"], made["state"], len(made["description"])) == (run.name, "failure", 140)
    GitHubReviewing(api).checks([replace(run, conclusion=Conclusion.SUCCESS)])
    GitHubReviewing(api).checks([run])
    assert [item["state"] for item in place.repo.statuses] == ["failure", "success", "failure"]


@each_loss
def test_a_status_is_there_once(place: GitHubPlace, lost: dict[str, object]) -> None:
    place.hub.token("ghp_ann", "ann")
    place.hub.faults.add(method="POST", path="/statuses", **lost)
    GitHubReviewing(Api(replace(place.access, kind=TokenKind.PERSONAL, token="ghp_ann"))).checks([a_check(place)])
    assert len(place.repo.statuses) == 1


# deployments


def a_deployment(place: GitHubPlace, **changed: object) -> Deployed:
    made = Deployed(
        environment="production",
        commit=place.repo.bare.tip("main"),
        state=DeployState.SUCCESS,
        description="version 3 serves",
        url="https://models.example.com/churn",
        facts={"model": "churn", "version": "3"},
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def turns(place: GitHubPlace) -> list[list[str]]:
    """The states of each deployment, in their order."""
    return [[turn["state"] for turn in place.repo.environments.get(item["id"], [])] for item in place.repo.deployments]


def test_a_deployment_takes_its_turns(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    for state in (DeployState.IN_PROGRESS, DeployState.SUCCESS, DeployState.SUCCESS):
        reviewing.deployed(a_deployment(place, state=state))
    assert turns(place) == [["in_progress", "success"]]
    assert place.repo.deployments[0]["payload"] == {"model": "churn", "version": "3"}
    place.commit("main", {"kept.txt": "newer"})
    reviewing.deployed(a_deployment(place))
    assert turns(place) == [["in_progress", "success", "inactive"], ["success"]]


@each_loss
@pytest.mark.parametrize("path", ["/deployments", "/statuses"])
def test_a_deployment_is_there_once(
    place: GitHubPlace, reviewing: GitHubReviewing, path: str, lost: dict[str, object]
) -> None:
    place.hub.faults.add(method="POST", path=path, **lost)
    reviewing.deployed(a_deployment(place))
    assert turns(place) == [["success"]]


def test_a_commit_that_github_lacks(place: GitHubPlace, reviewing: GitHubReviewing) -> None:
    with pytest.raises(BackendError, match="No ref found"):
        reviewing.deployed(a_deployment(place, commit="0" * 40))
