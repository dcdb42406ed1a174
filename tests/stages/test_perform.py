"""Whatever a stage does, what is stored afterwards is this run's, or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import pytest

from mlops_ci.errors import BackendError, ConfigError, GateFailed, MlopsError, StaleError
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.results import Check, Origin, Severity, StageResult, Status, exit_code, status_of
from mlops_ci.stages.perform import perform

ORIGIN = Origin(commit="c" * 40, branch="b")
GREEN = StageResult(stage="train", model="m", status=Status.PASSED)


def failing(error: BaseException) -> NoReturn:
    raise error


def test_a_result_is_stamped_and_stored(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    result = perform("train", "m", lambda: GREEN, workspace=workspace, origin=ORIGIN)
    assert (result.origin, result.started[-1], result.tool[:8]) == (ORIGIN, "Z", "mlops-ci")
    assert workspace.read_result("m", "train") == result
    assert (tmp_path / ".mlops/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ConfigError("wrong", hint="mend it", where="mlops.yaml:3"), Status.ERROR, 2),
        (BackendError("down"), Status.ERROR, 3),
        (GateFailed("worse"), Status.FAILED, 10),
        (StaleError("changed"), Status.STALE, 11),
    ],
)
def test_an_expected_error_is_a_result(tmp_path: Path, error: MlopsError, status: Status, code: int) -> None:
    workspace = Workspace(tmp_path)
    perform("train", "m", lambda: failing(error), workspace=workspace, origin=ORIGIN)
    stored = workspace.read_result("m", "train")
    assert stored is not None and stored.failure is not None
    assert (stored.status, stored.exit_code, stored.reason) == (status, code, str(error))
    assert (stored.failure.message, stored.failure.hint, stored.failure.where) == (
        error.message,
        error.hint,
        error.where,
    )


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt()])
def test_after_a_bug_or_an_interrupt_no_old_result_is_left(tmp_path: Path, error: BaseException) -> None:
    workspace = Workspace(tmp_path)
    workspace.write_result(GREEN)
    with pytest.raises(type(error)):
        perform("train", "m", lambda: failing(error), workspace=workspace, origin=ORIGIN)
    assert workspace.read_result("m", "train") is None


@pytest.mark.parametrize("content", ["", "[]", '{"stage": "train"}', '{"stage": NaN', "\x00"])
def test_a_result_that_is_not_ours_is_refused_with_the_cure(tmp_path: Path, content: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.write_result(GREEN).write_text(content)
    with pytest.raises(BackendError, match=r"results/m/train\.json is not a result of this version") as caught:
        workspace.read_result("m", "train")
    assert caught.value.hint == "run 'mlops-ci train' again"


def test_a_stored_result_is_plain_json(tmp_path: Path) -> None:
    document = json.loads(Workspace(tmp_path).write_result(GREEN).read_text("utf-8"))
    assert (document["version"], document["status"], document["failure"]) == (1, "passed", None)


@pytest.mark.parametrize(
    ("status", "severity", "override", "expected"),
    [
        (Status.PASSED, Severity.FAIL, "", Status.PASSED),
        (Status.FAILED, Severity.FAIL, "", Status.FAILED),
        (Status.SKIPPED, Severity.FAIL, "", Status.FAILED),
        (Status.ERROR, Severity.FAIL, "", Status.FAILED),
        (Status.FAILED, Severity.WARN, "", Status.PASSED),
        (Status.FAILED, Severity.FAIL, "agreed", Status.PASSED),
    ],
)
def test_only_a_required_check_that_passed_is_green(
    status: Status, severity: Severity, override: str, expected: Status
) -> None:
    assert status_of([Check(name="a", status=status, severity=severity, override=override)]) is expected


def test_the_worst_result_decides_the_exit_code() -> None:
    red, stale, green = (
        StageResult(stage="s", model="m", status=s) for s in (Status.FAILED, Status.STALE, Status.PASSED)
    )
    assert [exit_code(r) for r in ([], [green], [green, red], [red, stale])] == [0, 0, 10, 11]
