"""What follows from the facts, case by case: the level, and words of the line and of its cure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

import pytest

from mlops_ci.records.doctor import (
    AccessFacts,
    ClusterFacts,
    Finding,
    RemoteFacts,
    RepositoryFacts,
    Right,
    RuleFacts,
    ScheduleFacts,
    TrackingFacts,
    WorkflowFacts,
)
from mlops_ci.records.github import TokenKind
from mlops_ci.stages.doctor import access, clone, machine, protection, schedules, servers, stores
from mlops_ci.stages.doctor.machine import Program

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
FLOW = ".github/workflows/drift.yml"


def told(found: Iterable[Finding]) -> list[str]:
    """Level and name of each line; whatever is not well must have a cure, and nothing else one."""
    lines = list(found)
    assert all(bool(item.cure) is (item.level.value != "ok") for item in lines), lines
    return [f"{item.level.value} {item.name}" for item in lines]


@pytest.mark.parametrize(
    ("version", "wanted", "least", "expected"),
    [
        ("2.39.5", "all begins with it", (2, 38), ["ok programs"]),
        ("2.25.1 (Apple Git-1)", "all begins with it", (2, 38), ["error git"]),
        ("2.25.1", "", (2, 38), ["ok programs"]),
        ("", "all begins with it", (2, 38), ["error git"]),
        ("", "", (), []),
        ("odd", "all begins with it", (), ["ok programs"]),
    ],
)
def test_programs(version: str, wanted: str, least: tuple[int, ...], expected: list[str]) -> None:
    program = Program(name="git", version=version, wanted=wanted, cure="install it", least=least)
    assert told(machine.judge([program])) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ["ok history", "ok default branch"]),
        ({"shallow": True}, ["error history", "ok default branch"]),
        ({"default_branch": ""}, ["ok history", "error default branch"]),
        ({"branch": ""}, ["ok history", "ok default branch"]),
        ({"commits": False}, ["error history"]),
    ],
)
def test_the_clone(facts: dict[str, object], expected: list[str]) -> None:
    known = {"commits": True, "shallow": False, "branch": "topic", "default_branch": "main", **facts}
    assert told(clone.judge_clone(RepositoryFacts(**known))) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "path", "owner"),
    [
        ("* @all", "mlops.yaml", "@all"),
        ("* @all\n/releases/ @ml # who else", "releases/a/production.yaml", "@ml"),
        ("/releases/ @ml\n* @all", "releases/a/production.yaml", "@all"),
        ("/releases/ @ml\n/releases/", "releases/a/production.yaml", ""),
        ("releases @ml @acme/team", "releases/a/production.yaml", "@ml @acme/team"),
        ("releases/* @ml", "releases/a/production.yaml", ""),
        ("/releases/** @ml", "releases/a/production.yaml", "@ml"),
        ("**/workflows @ml", ".github/workflows/any/file.yml", "@ml"),
        ("/mlops.yaml/ @ml", "mlops.yaml", ""),
        ("*.yaml @ml", "releases/a/production.yaml", "@ml"),
        ("# * @all\n\n", "mlops.yaml", ""),
        ("/other/ @ml", "mlops.yaml", ""),
    ],
)
def test_the_last_pattern_that_matches_names_the_owner(text: str, path: str, owner: str) -> None:
    assert clone.owner_of(text, path) == owner


def test_code_owners() -> None:
    assert told([clone.judge_owners("", "")]) == ["warning CODEOWNERS"]
    assert told([clone.judge_owners("CODEOWNERS", "* @ml")]) == ["ok CODEOWNERS"]
    lacking = clone.judge_owners("CODEOWNERS", "/mlops.yaml @ml\n/releases/ @ml")
    assert (lacking.level.value, "/.github/workflows/" in lacking.message) == ("warning", True)
    assert "'/.github/workflows/ @you/team'" in lacking.cure


def test_workflows() -> None:
    assert told(clone.judge_workflows(WorkflowFacts())) == ["warning workflows"]
    facts = WorkflowFacts(ours=("a",), older=("w/merge.yml",), edited=("w/merge.yml",), current=("w/drift.yml",))
    older, current = clone.judge_workflows(facts)
    assert told([older, current]) == ["warning workflows", "ok workflows"]
    assert older.message.endswith("in merge.yml you changed the same lines")
    assert "mlops-ci init --upgrade" in older.cure
    (found,) = clone.judge_workflows(WorkflowFacts(ours=("a",), baseless=("w/a.yml", "w/b.yml")))
    assert (found.level.value, found.message[:14]) == ("warning", "a.yml, b.yml: ")
    assert told(clone.judge_workflows(WorkflowFacts(ours=("a",)))) == []


ALL = dict.fromkeys(access.NEEDED, "write")


@pytest.mark.parametrize(
    ("facts", "opens", "expected"),
    [
        ({}, False, ["ok token", "ok permissions"]),
        ({}, True, ["warning token", "ok permissions", "warning pull requests"]),
        ({"may_open": True}, True, ["warning token", "ok permissions"]),
        ({"may_open": False}, True, ["warning token", "ok permissions", "error pull requests"]),
        ({"archived": True}, False, ["error repository", "ok token", "ok permissions"]),
        ({"kind": TokenKind.APP}, True, ["ok token", "ok permissions"]),
        ({"kind": TokenKind.APP, "granted": ALL}, True, ["ok token", "ok permissions"]),
        ({"kind": TokenKind.APP, "granted": {**ALL, "checks": "read"}}, True, ["ok token", "error permissions"]),
        ({"kind": TokenKind.PERSONAL}, True, ["ok token", "ok permissions"]),
        ({"kind": TokenKind.PERSONAL, "role": {"push": False}}, True, ["ok token", "error permissions"]),
        ({"kind": TokenKind.PERSONAL, "role": {"push": True}}, True, ["ok token", "ok permissions"]),
        ({"kind": TokenKind.PERSONAL, "scopes": ("repo",), "private": True}, True, ["ok token", "ok permissions"]),
        ({"kind": TokenKind.PERSONAL, "scopes": ("public_repo",)}, True, ["ok token", "ok permissions"]),
        (
            {"kind": TokenKind.PERSONAL, "scopes": ("public_repo",), "private": True},
            False,
            ["ok token", "error permissions"],
        ),
        ({"kind": TokenKind.PERSONAL, "scopes": ()}, False, ["ok token", "error permissions"]),
        (
            {"kind": TokenKind.PERSONAL, "may_open": False, "expires": "2026-03-09 12:00:00 UTC"},
            True,
            ["ok token", "warning token's end", "ok permissions", "warning pull requests"],
        ),
        ({"kind": TokenKind.PERSONAL, "expires": "2026-06-01 12:00:00 +0200"}, False, ["ok token", "ok permissions"]),
        ({"kind": TokenKind.PERSONAL, "expires": "soon"}, False, ["ok token", "ok permissions"]),
    ],
)
def test_tokens(facts: dict[str, object], opens: bool, expected: list[str]) -> None:
    known = {"repository": "acme/churn", "kind": TokenKind.WORKFLOW, "source": "GITHUB_TOKEN", **facts}
    assert told(access.judge(AccessFacts(**known), opens=opens, now=NOW)) == expected  # type: ignore[arg-type]


def test_a_workflow_token_says_what_it_means_for_the_pull_requests_it_opens() -> None:
    facts = AccessFacts(repository="acme/churn", kind=TokenKind.WORKFLOW, source="GITHUB_TOKEN")
    token = next(access.judge(facts, opens=True, now=NOW))
    assert "starts no workflow" in token.message
    assert "App" in token.cure
    assert "can't be asked for" in list(access.judge(facts, opens=False, now=NOW))[1].message


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"checks": ("lint", "Models are judged"), "pull_request": True}, "ok ok"),
        ({"checks": ("pull-request / Models are judged",), "pull_request": None}, "ok ok"),
        ({"checks": ("Models are judged by hand",), "pull_request": True}, "warning ok"),
        ({"pull_request": False}, "warning warning"),
    ],
)
def test_rules(facts: dict[str, object], expected: str) -> None:
    found = list(protection.judge(RuleFacts(branch="main", protected=True, **facts)))  # type: ignore[arg-type]
    assert [item.level.value for item in found] == expected.split()
    assert told(found)


@pytest.mark.parametrize(
    ("state", "age", "conclusion", "cron", "expected"),
    [
        ("", None, "", "23 4 * * *", "warning"),
        ("disabled_inactivity", timedelta(hours=1), "success", "23 4 * * *", "error"),
        ("disabled_manually", None, "", "23 4 * * *", "error"),
        ("something new", None, "", "23 4 * * *", "error"),
        ("active", None, "", "23 4 * * *", "warning"),
        ("active", timedelta(hours=30), "success", "23 4 * * *", "ok"),
        ("active", timedelta(hours=49), "success", "23 4 * * *", "warning"),
        ("active", timedelta(hours=1), "", "23 4 * * *", "ok"),
        ("active", timedelta(hours=1), "failure", "23 4 * * *", "warning"),
        ("active", timedelta(hours=7), "success", "7/15 * * * *", "warning"),
        ("active", timedelta(hours=3), "success", "7/15 * * * *", "ok"),
        ("active", timedelta(days=8), "success", "0 4 * * 1", "ok"),
        ("active", timedelta(days=40), "success", "0 4 1 * *", "ok"),
    ],
)
def test_schedules(state: str, age: timedelta | None, conclusion: str, cron: str, expected: str) -> None:
    facts = ScheduleFacts(
        path=FLOW, state=state, last=None if age is None else NOW - age, conclusion=conclusion, url="https://x/1"
    )
    found = schedules.judge(facts, [cron], now=NOW)
    assert told([found]) == [f"{expected} drift.yml"]


def test_runs_that_nobody_may_read_are_said_to_be_unknown() -> None:
    assert told(schedules.judge_all(None, {FLOW: ("0 4 * * *",)}, now=NOW)) == ["warning schedules"]
    fine = ScheduleFacts(path=FLOW, state="active", last=NOW, conclusion="success")
    assert told(schedules.judge_all((fine,), {FLOW: ("0 4 * * *",)}, now=NOW)) == ["ok drift.yml"]


@pytest.mark.parametrize(
    ("age", "text"),
    [(timedelta(minutes=1), "1 minute"), (timedelta(hours=3), "3 hours"), (timedelta(days=61), "61 days")],
)
def test_ages_are_words(age: timedelta, text: str) -> None:
    assert schedules.words(age) == text


def test_remotes() -> None:
    assert told([stores.judge_remote(RemoteFacts(name=""), name="DVC remote")]) == ["warning DVC remote"]
    empty, full = RemoteFacts(name="s", url="s3://b/x"), RemoteFacts(name="s", url="s3://b/x", there=True)
    assert told([stores.judge_remote(empty, name="DVC remote")]) == ["warning DVC remote"]
    assert told([stores.judge_remote(full, name="DVC remote")]) == ["ok DVC remote"]


@pytest.mark.parametrize(
    ("facts", "artifacts", "expected"),
    [
        ({"version": "3.17.2", "artifacts": "mlflow-artifacts:/0"}, "", ["ok MLflow"]),
        ({"version": "2.9.0"}, "", ["warning MLflow"]),
        ({"artifacts": "/srv/mlruns/0"}, "", ["ok MLflow", "warning MLflow's artifacts"]),
        ({"artifacts": "file:///srv/mlruns/0"}, "", ["ok MLflow", "warning MLflow's artifacts"]),
        ({"artifacts": "/srv/mlruns/0"}, "s3://models", ["ok MLflow"]),
        ({"artifacts": "s3://models/0"}, "", ["ok MLflow"]),
    ],
)
def test_tracking(facts: dict[str, str], artifacts: str, expected: list[str]) -> None:
    answered = TrackingFacts(uri="https://mlflow.example.com", **facts)
    assert told(stores.judge_tracking(answered, client="3.17.2", artifacts=artifacts)) == expected


def test_an_embedded_store_does_on_one_machine_and_not_on_runners() -> None:
    assert told(stores.judge_embedded("mlflow.db", exists=True, on_github=False)) == ["ok MLflow"]
    assert told(stores.judge_embedded("mlflow.db", exists=False, on_github=True)) == ["warning MLflow"]


GET = Right(group="apps", resource="deployments", verb="get", name="churn-predictor")
LOG = Right(group="", resource="pods/log", verb="get", needed=False)


@pytest.mark.parametrize(
    ("kserve", "denied", "expected"),
    [
        (False, (), ["error cluster ml"]),
        (True, (), ["ok cluster ml"]),
        (True, (GET,), ["error cluster ml"]),
        (True, (LOG,), ["ok cluster ml", "warning cluster ml"]),
        (True, (GET, LOG), ["error cluster ml", "warning cluster ml"]),
    ],
)
def test_clusters(kserve: bool, denied: tuple[Right, ...], expected: list[str]) -> None:
    facts = ClusterFacts(host="10.0.0.1:6443", version="v1.34.4", kserve=kserve, denied=denied, asked=14)
    found = list(servers.judge_cluster(facts, name="cluster ml"))
    assert told(found) == expected
    if GET in denied:
        assert "get deployments.apps churn-predictor" in found[0].message
