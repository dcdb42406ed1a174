"""A fork's results on its pull request: from the run's zip to the comment, and never what the zip should not say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from mlops_ci.cli.main import run
from mlops_ci.records.codec import encode
from mlops_ci.records.results import Check, Origin, StageResult, Status
from tests.backends.github.test_runs import from_fork, ran
from tests.backends.github_place import TOKEN, GitHubPlace, place, still
from tests.cli.job_log import commands
from tests.github.hub import Pull, Run
from tests.io.test_archive import packed
from tests.report.rendered import harmless
from tests.report.test_reports import HOSTILE, evaluation

__all__ = ["place", "still"]
pytestmark = pytest.mark.slow
Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def job(place: GitHubPlace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The workflow's job: an empty folder, nothing checked out."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    variables = {
        "GITHUB_REPOSITORY": "acme/models",
        "GITHUB_API_URL": place.server.api_url,
        "GITHUB_GRAPHQL_URL": place.server.graphql_url,
        "GITHUB_TOKEN": TOKEN,
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def judged(pull: Pull, text: str = "carrier", **changed: object) -> dict[str, bytes]:
    """What a run of the pull request's workflow hands over for one model."""
    origin = Origin(commit="c" * 40, head=pull.head, pull_request=str(pull.number), branch="x")
    result = StageResult(
        stage="evaluate",
        model="toy",
        status=Status.PASSED,
        checks=(Check(name="auc", status=Status.PASSED, message=text, where="mlops.yaml:20"),),
        details=encode(evaluation(text, 2)),
        origin=origin,
    )
    made = dataclasses.replace(result, **changed)  # type: ignore[arg-type]
    return {f"{made.model}/evaluate.json": json.dumps(encode(made)).encode()}


def handed(place: GitHubPlace, pull: Pull, files: dict[str, bytes], conclusion: str = "success") -> Run:
    artifacts = {place.hub.fresh(): ("coverage", b"no zip")}
    if files:
        artifacts[place.hub.fresh()] = ("mlops-ci-results-toy", packed(*files.items()))
    return ran(place, pull, artifacts=artifacts, conclusion=conclusion)


def writes(place: GitHubPlace) -> int:
    """What was written by REST; GraphQL is only asked who we are."""
    return sum("graphql" not in path for _, path, _ in place.hub.faults.writes())


def body(pull: Pull) -> str:
    (found,) = pull.comments
    return found.body


def test_a_fork_s_results_are_shown_once(place: GitHubPlace, capsys: Out) -> None:
    pull = from_fork(place)
    made = handed(place, pull, judged(pull))
    assert run(["publish", "--workflow-run", str(made.id)]) == 0
    assert len(place.hub.faults.log) <= 15
    assert "## ✅ toy: BETTER" in body(pull)
    assert "read them as its claim" in body(pull)
    (check,) = place.repo.checks
    assert (check["name"], check["head_sha"], check["conclusion"]) == ("mlops-ci / toy (fork)", pull.head, "success")
    assert f"the comment of pull request {pull.number} is about {pull.head[:12]}" in capsys.readouterr().err
    before = writes(place)
    assert run(["publish", "--workflow-run", str(made.id), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["comment"] == "written"
    assert writes(place) == before
    assert list(Path.cwd().iterdir()) == [], "nothing is unpacked here"


def test_while_a_fork_s_newer_run_goes_on_the_comment_says_so(place: GitHubPlace, capsys: Out) -> None:
    pull = from_fork(place)
    made = handed(place, pull, judged(pull))
    assert run(["publish", "--workflow-run", str(made.id)]) == 0
    older, before = body(pull), pull.head
    pull.head = place.commit("main", {"newer.txt": "x"})
    newer = handed(place, pull, {}, conclusion="")
    assert run(["publish", "--workflow-run", str(newer.id)]) == 0
    assert f"judging has begun of {pull.head[:12]}" in capsys.readouterr().err
    assert f"## ⏳ Commit `{pull.head[:12]}` has no verdict yet" in body(pull)
    assert body(pull).endswith(older.partition("\n")[2])
    newer.conclusion = "failure"
    assert run(["publish", "--workflow-run", str(newer.id)]) == 0
    assert "## ❔ Nothing was judged" in body(pull)
    assert before[:12] not in body(pull)


def test_the_run_is_that_of_the_event(place: GitHubPlace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pull = from_fork(place)
    made = handed(place, pull, judged(pull))
    (tmp_path / "event.json").write_text(json.dumps({"workflow_run": {"id": made.id}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    assert run(["publish"]) == 0
    assert "BETTER" in body(pull)


def test_what_a_fork_says_is_shown_as_text(place: GitHubPlace) -> None:
    pull = from_fork(place)
    made = handed(place, pull, judged(pull, text=HOSTILE))
    assert run(["publish", "--workflow-run", str(made.id)]) == 0
    check = place.repo.checks[0]["output"]
    for text in (body(pull), check["summary"], check["text"]):
        assert "alert(1)" in harmless(text, links="https://github.com/acme/models/actions/runs/").every_word


def test_a_name_in_a_refusal_is_shown_as_text(place: GitHubPlace) -> None:
    pull = from_fork(place)
    made = handed(place, pull, {"<img src=x onerror=alert(1)>|@team `x` https:\\evil": b""})
    assert run(["publish", "--workflow-run", str(made.id)]) == 10
    page = harmless(body(pull), links="https://github.com/acme/models/actions/runs/")
    assert "is absolute or another system's" in page.every_word


@pytest.mark.parametrize("name", ["##[add-mask]toy", "toy/##[stop-commands]x.json"])
def test_a_name_in_a_refusal_is_no_command_in_the_log(
    place: GitHubPlace, capsys: Out, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    made = handed(place, from_fork(place), {name: b"{}"})
    assert run(["publish", "--workflow-run", str(made.id)]) == 10
    out, err = capsys.readouterr()
    assert name.replace("##[", "## [") in err
    assert commands(out + err) == ["error"], "that it was refused is our own annotation"


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ({"pull_request": "99"}, "is of pull request '99', and the run was for 1"),
        ({"head": "d" * 40}, "is of the commit 'dddddddddddddddddddddddddddddddddddddddd'"),
    ],
)
def test_results_of_something_else_are_refused_and_no_older_number_stays(
    place: GitHubPlace, capsys: Out, origin: dict[str, str], said: str
) -> None:
    pull = from_fork(place)
    assert run(["publish", "--workflow-run", str(handed(place, pull, judged(pull)).id)]) == 0
    true = Origin(commit="c" * 40, head=pull.head, pull_request="1")
    lying = dataclasses.replace(true, **origin)  # type: ignore[arg-type]
    made = handed(place, pull, judged(pull, origin=lying))
    checks = len(place.repo.checks)
    assert run(["publish", "--workflow-run", str(made.id)]) == 10
    assert said in capsys.readouterr().err
    assert "The results of this run were refused" in body(pull)
    assert "BETTER" not in body(pull)
    assert len(place.repo.checks) == checks


def test_a_bomb_is_refused(place: GitHubPlace, capsys: Out) -> None:
    pull = from_fork(place)
    made = handed(place, pull, {"toy/evaluate.json": b"0" * 3_000_000})
    assert run(["publish", "--workflow-run", str(made.id)]) == 10
    error = capsys.readouterr().err
    assert "the artifact 'mlops-ci-results-toy': 'toy/evaluate.json' is packed more than 200 times" in error
    assert "Traceback" not in error


def test_a_run_that_was_overtaken_shows_nothing(place: GitHubPlace, capsys: Out) -> None:
    pull = from_fork(place)
    made = handed(place, pull, judged(pull))
    pull.head = place.commit("newer", {"note.txt": "newer"})
    assert run(["publish", "--workflow-run", str(made.id)]) == 0
    assert "skipped: no open pull request stands at" in capsys.readouterr().out
    assert pull.comments == []


def test_a_run_for_something_else_is_skipped(place: GitHubPlace, capsys: Out) -> None:
    made = ran(place, from_fork(place), event="push")
    assert run(["publish", "--workflow-run", str(made.id)]) == 0
    assert "was not for a pull request" in capsys.readouterr().out


def test_a_run_without_results_takes_older_numbers_away(place: GitHubPlace) -> None:
    pull = from_fork(place)
    assert run(["publish", "--workflow-run", str(handed(place, pull, {}).id)]) == 0
    assert pull.comments == [], "no model is affected, and nothing is to be taken back"
    assert run(["publish", "--workflow-run", str(handed(place, pull, judged(pull)).id)]) == 0
    assert run(["publish", "--workflow-run", str(handed(place, pull, {}, conclusion="failure").id)]) == 0
    assert "Nothing was judged" in body(pull)
    assert "BETTER" not in body(pull)


def test_green_results_of_a_red_run_say_that_it_is_red(place: GitHubPlace) -> None:
    pull = from_fork(place)
    assert run(["publish", "--workflow-run", str(handed(place, pull, judged(pull), conclusion="failure").id)]) == 0
    assert "The run as a whole did not pass" in body(pull)


def test_a_folder_in_place_of_artifacts(place: GitHubPlace, tmp_path: Path) -> None:
    pull = from_fork(place)
    for name, content in judged(pull).items():
        (tmp_path / "got" / name).parent.mkdir(parents=True)
        (tmp_path / "got" / name).write_bytes(content)
    made = handed(place, pull, {})
    words = ["--results", str(tmp_path / "got"), "--config", "models/mlops.yaml"]
    assert run(["publish", "--workflow-run", str(made.id), *words]) == 0
    assert "BETTER" in body(pull)
    assert place.repo.checks[0]["name"] == "mlops-ci / models/toy (fork)"


def test_what_github_does_not_take_is_told(place: GitHubPlace, capsys: Out) -> None:
    pull = from_fork(place)
    made = handed(place, pull, judged(pull))
    place.hub.faults.add(method="POST", path="/comments", status=403, message="Resource not accessible", times=9)
    assert run(["publish", "--workflow-run", str(made.id)]) == 3
    assert "the comment was not written" in capsys.readouterr().err


def test_it_needs_a_run_and_a_token(capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["publish"]) == 2
    assert "it is not known which run is to be shown" in capsys.readouterr().err
    monkeypatch.delenv("GITHUB_TOKEN")
    assert run(["publish", "--workflow-run", "5"]) == 2
    assert "'publish' needs GITHUB_REPOSITORY" in capsys.readouterr().err
