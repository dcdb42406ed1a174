"""`mlops-ci forge`, from the command line, in a real repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_ci.backends.local_forge.forge import LocalForge
from mlops_ci.cli.main import run
from mlops_ci.errors import ForgeConflict
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.forge import NewPull, PullState
from tests.backends.forge_contract import BRANCH, RELEASE, a_push, opened
from tests.backends.forge_place import LocalPlace

Out = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalPlace:
    """A repository whose config lies in a folder of it, where the command is run."""
    made = LocalPlace.create(tmp_path / "r")
    made.repository.write("ml/mlops.yaml", "version: 1\nmodels:\n  a: {}\n")
    made.repository.commit("Config")
    monkeypatch.chdir(made.repository.root / "ml")
    return LocalPlace(made.repository, LocalForge(made.repository.root, Workspace(made.repository.root / "ml")))


def said(out: Out, *words: str, code: int = 0) -> str:
    assert run(["forge", *words]) == code
    found = out.readouterr()
    return found.out if code == 0 else found.err


def test_none_yet(place: LocalPlace, capsys: Out) -> None:
    assert said(capsys, "list") == "no pull requests are open\n"
    assert said(capsys, "list", "--state", "all") == "no pull requests\n"
    assert json.loads(said(capsys, "list", "--json")) == []


def test_the_life_of_a_request(place: LocalPlace, capsys: Out) -> None:
    pull = opened(place.forge, body="First line", draft=True)
    assert said(capsys, "list") == f"#1    open    Promote a  ({BRANCH} → main, draft, mlops-ci)\n"
    assert said(capsys, "merge", "1", code=2).startswith("error: pull request 1 is a draft\n  mlops-ci forge ready 1")
    assert said(capsys, "ready", "1") == "#1 is ready\n"
    assert f"#1 at {pull.head[:12]} is approved by A Tester <tester@example.com>" in said(capsys, "approve", "1")
    shown = said(capsys, "show", "1")
    assert "reviewers: ann" in shown
    assert f"by A Tester <tester@example.com> at {pull.head[:12]}\n" in shown
    assert "\n\n  First line\n" in shown
    assert said(capsys, "merge", "1", "--head", pull.head[:10]).startswith("#1 is merged as ")
    assert place.files("main")[RELEASE] == "new"
    assert place.forge.tip(BRANCH) == ""
    assert "Approved-by: A Tester <tester@example.com>" in place.message("main")
    assert place.repository.git("log", "-1", "--format=%an <%ae>", "main") == "A Tester <tester@example.com>"
    assert said(capsys, "merge", "1").startswith("#1 is merged as ")
    assert said(capsys, "list") == "no pull requests are open\n"
    assert said(capsys, "list", "--state", "merged").startswith("#1    merged  Promote a")
    assert "merged as " in said(capsys, "show", "1")


def test_closing_keeps_the_branch(place: LocalPlace, capsys: Out) -> None:
    pull = opened(place.forge)
    assert json.loads(said(capsys, "close", "1", "--json"))["state"] == "closed"
    assert place.forge.tip(BRANCH) == pull.head
    assert "is closed, so it can't be merged" in said(capsys, "merge", "1", code=2)


def test_the_branch_may_be_kept(place: LocalPlace, capsys: Out) -> None:
    pull = opened(place.forge)
    said(capsys, "merge", "1", "--keep-branch")
    assert place.forge.tip(BRANCH) == pull.head


def test_conflicts_are_shown_before_and_told_when_merging(place: LocalPlace, capsys: Out) -> None:
    opened(place.forge)
    place.commit("main", {RELEASE: "theirs\n"})
    assert f"conflicts with main in {RELEASE}" in said(capsys, "show", "1")
    assert json.loads(said(capsys, "show", "1", "--json"))["conflicts"] == [RELEASE]
    told = said(capsys, "merge", "1", code=3)
    assert told.startswith(
        f"error: {BRANCH} conflicts with main in {RELEASE}\n  git checkout {BRANCH} && git merge main"
    )


def test_an_approval_of_an_older_commit_says_so(place: LocalPlace, capsys: Out) -> None:
    opened(place.forge)
    said(capsys, "approve", "1")
    place.commit(BRANCH, {"note.txt": "x"})
    assert "which is no longer what is proposed" in said(capsys, "show", "1")


def test_labels(place: LocalPlace, capsys: Out) -> None:
    opened(place.forge)
    assert said(capsys, "label", "1", "--add", "mlops-ci:hold") == "#1 has the labels mlops-ci, mlops-ci:hold\n"
    assert said(capsys, "label", "1", "--remove", "mlops-ci:hold", "--remove", "mlops-ci") == "#1 has no labels\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("shwo", "1"), "did you mean 'show'?"),
        (("show", "7"), "error: there is no pull request 7\n  there are none yet"),
        (("show", "0"), "0 is not in the range"),
        (("show", "x"), "'x' is not a valid integer"),
        (("list", "--state", "gone"), "'gone' is not one of"),
    ],
)
def test_usage_errors_say_what_to_do(place: LocalPlace, capsys: Out, words: tuple[str, ...], expected: str) -> None:
    assert expected in said(capsys, *words, code=2)


def test_who_has_no_name_cannot_approve(place: LocalPlace, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(place.forge)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    place.repository.git("config", "user.useConfigOnly", "true")
    assert "git config user.name" in said(capsys, "approve", "1", code=2)


def test_no_escape_code_reaches_the_terminal(place: LocalPlace, capsys: Out) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\u202e"
    opened(place.forge, title=f"Title{evil}", body=f"Body{evil}\n<!-- mlops-ci:begin x=y -->", labels=(f"l{evil}",))
    place.human.comment(1, f"Comment{evil}", marker="x")
    for words in (("list",), ("show", "1"), ("label", "1")):
        text = said(capsys, *words)
        assert all(mark not in text for mark in ("\x1b", "\x07", "\u202e", "<!--"))


def test_merge_sees_a_newer_commit(place: LocalPlace) -> None:
    place.forge.push(a_push(place.forge))
    pull = place.forge.open(NewPull(branch=BRANCH, base="main", title="t", body=""))
    place.commit(BRANCH, {"note.txt": "x"})
    assert run(["forge", "merge", "1", "--head", pull.head]) == ForgeConflict.exit_code
    assert place.forge.pull(1).state is PullState.OPEN
