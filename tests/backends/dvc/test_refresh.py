"""Newer data through real DVC, in a work tree beside the checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mlops_ci.backends.dvc.refresh import DvcRefresher
from mlops_ci.errors import StageFailed
from mlops_ci.io import git_beside
from mlops_ci.ports.retraining import RefreshJob
from mlops_ci.ports.training import Interpreter
from tests.e2e.person import Person
from tests.e2e.tiny import dvc

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
HERE = Interpreter(path=Path(sys.executable), digest="", version="", description="")


def beside(person: Person) -> DvcRefresher:
    tree = person.home / ".mlops/retrain/toy/tree"
    git_beside.place(person.home, tree, person.git("rev-parse", "HEAD"))
    made = DvcRefresher(root=tree, checkout=person.home, folder=".", home=tree / ".mlops", environ=os.environ)
    made.share()
    return made


def refresh(found: DvcRefresher, **job: object) -> list[str]:
    asked = {"command": "", "imports": [], "stages": [], "timeout": 60.0, **job}
    said: list[str] = []
    found.refresh(RefreshJob(**asked), interpreter=HERE, log=found.home / "refresh.log", say=said.append)  # type: ignore[arg-type]
    return said


def test_a_frozen_stage_is_run_with_the_checkouts_cache_and_remote(stocked: Person) -> None:
    stocked.write(".dvc/config", "[core]\n    remote = shelf\n['remote \"shelf\"']\n    url = ../../remote\n")
    dvc(stocked, "repro", "-q")
    dvc(stocked, "freeze", "prepare")
    stocked.write("prepare.py", "import pathlib\npathlib.Path('rows.csv').write_text('9\\n')\n")
    stocked.git("add", "-A")
    stocked.git("commit", "-qm", "Keep the rows")
    found = beside(stocked)
    found.share()
    assert found.remote() == "shelf"
    dvc(Person(found.root), "checkout", "-q", "d.csv.dvc")
    assert (found.root / "d.csv").read_text() == "1\n", "it came from the checkout's cache"
    refresh(found, stages=[("dvc.yaml", "prepare")])
    assert (found.root / "rows.csv").read_text() == "9\n"
    changed = Person(found.root).git("status", "--porcelain", "-uno").split()
    assert changed == ["M", "dvc.lock"], "the stage is frozen, as before"
    assert stocked.git("status", "--porcelain", "-uno") == ""
    dvc(Person(found.root), "push", "-q", "prepare")


def test_a_command_runs_in_the_users_environment_and_its_failure_is_told(stocked: Person) -> None:
    found = beside(stocked)
    assert refresh(found, command="echo hello && dvc --version && python -c 'print(6 * 7)' >made.txt")[0] == "hello"
    assert (found.root / "made.txt").read_text() == "42\n"
    with pytest.raises(StageFailed, match="ended with exit 3") as caught:
        refresh(found, command="echo no such bucket >&2; exit 3")
    assert "| no such bucket" in caught.value.hint
    with pytest.raises(StageFailed, match=r"did not end within 0\.2 s"):
        refresh(found, command="sleep 60", timeout=0.2)
