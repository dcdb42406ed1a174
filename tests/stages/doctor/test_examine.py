"""Probes run side by side, in their time, and none breaks another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mlops_ci.errors import BackendError, MissingExtra, UsageError
from mlops_ci.records.doctor import Finding, Level
from mlops_ci.stages.doctor.examine import Probe, examine, exit_code
from mlops_ci.stages.doctor.findings import error, ok, warning


def probe(look: Callable[[], list[Finding]], **words: object) -> Probe:
    return Probe(group="group", name="name", look=look, **words)  # type: ignore[arg-type]


def fails(raised: Exception) -> Callable[[], list[Finding]]:
    def look() -> list[Finding]:
        raise raised

    return look


def test_they_run_side_by_side_and_are_told_of_in_order() -> None:
    met = threading.Barrier(3, timeout=20)

    def look(number: int) -> list[Finding]:
        met.wait()
        return [ok("group", str(number), "")]

    probes = [probe(lambda number=number: look(number), seconds=30) for number in range(3)]  # type: ignore[misc]
    assert [item.name for item in examine(probes)] == ["0", "1", "2"]


def test_one_that_hangs_is_left_behind() -> None:
    ended = threading.Event()
    started = time.monotonic()
    found = examine(
        [
            probe(lambda: [ok("group", "late", "")][: ended.wait(60)], online=True, seconds=0.2),
            probe(lambda: [ok("group", "late", "")][: ended.wait(60)], seconds=0.2),
            probe(lambda: [ok("group", "other", "")], seconds=30),
        ]
    )
    ended.set()
    assert time.monotonic() - started < 20
    assert [(item.level.value, item.silent) for item in found] == [("error", True), ("warning", False), ("ok", False)]
    assert "no answer within 0.2 s" in found[0].message


@pytest.mark.parametrize(
    ("raised", "level", "silent", "cure"),
    [
        (UsageError("wrong", hint="do this\nand that"), Level.ERROR, False, "do this; and that"),
        (MissingExtra("deploy", "docker"), Level.ERROR, False, "pip install 'mlops-ci[deploy]'"),
        (BackendError("away"), Level.ERROR, True, "see docs/errors.md"),
        (KeyError("a bug"), Level.WARNING, False, "this is a bug in mlops-ci: please report it"),
    ],
)
def test_one_that_breaks_is_a_line(raised: Exception, level: Level, silent: bool, cure: str) -> None:
    broken, fine = examine([probe(fails(raised)), probe(lambda: [ok("group", "other", "fine")])])
    assert (broken.level, broken.silent, broken.cure) == (level, silent, cure)
    assert fine.message == "fine"


def test_one_that_breaks_halfway_says_so() -> None:
    def look() -> Iterator[Finding]:
        yield ok("group", "first", "")
        raise BackendError("away")

    assert [item.level for item in examine([Probe(group="g", name="n", look=look)])] == [Level.OK, Level.ERROR]


def test_no_secret_is_told() -> None:
    key = "AKIA-very-secret"
    text = f"{key} ghp_abc123 https://ann:pw@host/x eyJh.eyJz.c2ln \x1b[31m\nline"
    (found,) = examine([probe(lambda: [warning("group", "name", text, f"export {key}")])], secrets=["", "AKIA", key])
    assert found.message == "*** *** https://***@host/x *** " + " [31m line"
    assert found.cure == "export ***"


def test_texts_from_outside_are_cut() -> None:
    (found,) = examine([probe(lambda: [ok("group", "name", "x" * 10_000)])])
    assert len(found.message) < 500


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 0),
        ([ok("g", "n", ""), warning("g", "n", "", "")], 0),
        ([error("g", "n", "", "", silent=True)], 3),
        ([error("g", "n", "", "", silent=True), error("g", "n", "", "")], 2),
    ],
)
def test_exit_codes(found: list[Finding], code: int) -> None:
    assert exit_code(found) == code
