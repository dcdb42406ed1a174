"""Killed, interrupted, run twice at once: the rerun is always clean."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.person import Person
from tests.processes import until, working_in

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
STAGES = ("validate", "train", "evaluate")


def assert_clean(toy: Person) -> None:
    """After the rerun: one candidate, whole results, nothing left beside them."""
    assert len(toy.runs()) == 1
    for stage in STAGES:
        assert toy.result("toy", stage)["status"] == "passed"
    assert not list((toy.home / ".mlops/results").rglob(".*"))


@pytest.mark.parametrize("stage", STAGES)
def test_killed_in_a_stage_then_run_again(toy: Person, stage: str) -> None:
    child = toy.start("pull-request")
    until(child, f"{stage} toy")
    child.kill()
    child.communicate()
    toy.mlops("pull-request")
    assert_clean(toy)
    assert not working_in(toy.home)


def test_killed_while_the_reports_are_written_then_rendered_again(toy: Person) -> None:
    child = toy.start("pull-request")
    until(child, "toy: FIRST", answer=True)
    child.kill()
    child.communicate()
    for page in (toy.home / ".mlops/reports").glob("*.html"):
        assert page.read_text("utf-8").endswith("</html>"), "whole or not there"
    toy.mlops("report", "--format", "html", "--output", "page.html")
    assert (toy.home / "page.html").read_text("utf-8").endswith("</html>")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_ended_while_registering_then_registered_once(toy: Person, end: signal.Signals) -> None:
    toy.mlops("pull-request")
    toy.merge("first")
    child = toy.start("register", "--model", "toy")
    until(child, "register: do: register model")
    child.send_signal(end)
    child.communicate(timeout=60)
    toy.mlops("register", "--model", "toy")
    assert toy.result("toy", "register")["details"]["version"] == "1"
    assert not working_in(toy.home)


@pytest.mark.parametrize("stage", STAGES)
def test_interrupted_in_a_stage_then_run_again(toy: Person, stage: str) -> None:
    child = toy.start("pull-request")
    until(child, f"{stage} toy")
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in err
    assert not working_in(toy.home)
    toy.mlops("pull-request")
    assert_clean(toy)


def test_a_second_run_in_one_checkout_is_told_so(toy: Person) -> None:
    first = toy.start("pull-request")
    until(first, "validate toy")
    said = toy.mlops("pull-request", expect=3)
    assert "another mlops-ci run is at work in this checkout" in said
    first.communicate(timeout=300)
    assert first.returncode == 0
    assert_clean(toy)


def test_a_failing_stage_shows_its_last_lines(toy: Person) -> None:
    toy.write("train.py", "print('reading')\nraise RuntimeError('no such flight')\n")
    toy.commit("Break training")
    said = toy.mlops("pull-request", expect=3)
    assert "RuntimeError: no such flight" in said
    assert "train" in said
    result = toy.result("toy", "train")
    assert result["status"] == "error"
    assert result["failure"]["exit_code"] == 3
    assert toy.runs() == []


def test_a_second_model_is_judged_although_the_first_one_fails(toy: Person) -> None:
    text = (toy.home / "mlops.yaml").read_text()
    other = (
        text.split("models:\n")[1]
        .replace("  toy:", "  other:", 1)
        .replace("    task:", "    path: other\n    task:", 1)
    )
    toy.write("mlops.yaml", text + other)
    for name in ("train.py", "dvc.yaml", "params.yaml", "data/train.csv", "data/holdout.csv", "expectations/rows.json"):
        toy.write(f"other/{name}", (toy.home / name).read_text())
    toy.write("other/.gitignore", "/model\n")
    toy.write("train.py", "raise SystemExit(4)\n")
    toy.commit("Add a second model, break the first")
    toy.mlops("pull-request", expect=3)
    assert toy.result("toy", "train")["status"] == "error"
    assert toy.result("other", "evaluate")["status"] == "passed"


@pytest.fixture
def small_disk(toy: Person) -> Iterator[Path]:
    """The toy's checkout moved to a disk of its own of 96 MB; yields a file on it that can take what is left."""
    kept = toy.home.with_name("kept")
    toy.home.rename(kept)
    toy.home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", toy.home], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a disk of its own needs 'mount' as root")
    shutil.copytree(kept, toy.home, dirs_exist_ok=True, symlinks=True)
    yield toy.home / ".git/filler"
    # Lazily: SQLAlchemy keeps connections to MLflow's database open in this process.
    subprocess.run(["umount", "--lazy", toy.home], check=True)


def fill(filler: Path) -> None:
    """Take what is left of the disk."""
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while file.write(b"0" * 65536):
            continue


def test_a_full_disk_is_named_in_every_stage_and_leaves_nothing_half_written(toy: Person, small_disk: Path) -> None:
    for stage in (*STAGES, "register"):
        if stage == "register":
            toy.merge("first")
        fill(small_disk)
        said = toy.mlops(stage, "--model", "toy", expect=3)
        assert "full" in said.lower() or "no space left" in said.lower(), said
        small_disk.unlink()
        toy.mlops(stage, "--model", "toy")
    assert_clean(toy)
    assert toy.result("toy", "register")["details"]["version"] == "1"
    assert not working_in(toy.home)


def test_results_hold_no_nan(toy: Person) -> None:
    toy.mlops("pull-request")
    for path in (toy.home / ".mlops/results").rglob("*.json"):
        json.loads(path.read_text(), parse_constant=pytest.fail)
