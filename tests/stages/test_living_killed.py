"""Killed between any two steps, the next run finishes: one branch, one pull request, everything in it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_ci.records.forge import PullState
from mlops_ci.records.living import Action
from mlops_ci.stages.living import keep, withdraw
from tests.backends.forge_contract import RELEASE
from tests.backends.forge_place import LocalPlace
from tests.stages.living import BRANCH, KEY, NOW, proposal, written

ROOT = Path(__file__).parents[2]
CHILD = """\
import os, signal, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
from mlops_ci.backends.local_forge.forge import LocalForge
from mlops_ci.io import git_write
from mlops_ci.io.workspace import Workspace
from mlops_ci.stages.living import keep, withdraw
from tests.stages.living import KEY, NOW, proposal

root, action, stop = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
steps = 0

def guarded(door, name):
    real = getattr(door, name)
    def step(*words, **named):
        global steps
        steps += 1
        if steps == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words, **named)
    setattr(door, name, step)

for name in ("commit", "move"):
    guarded(git_write, name)
for name in ("replace", "unlink"):
    guarded(os, name)
forge = LocalForge(root, Workspace(root))
if action == "withdraw":
    withdraw(KEY, "main", forge=forge, reason="Blocked.")
else:
    keep(proposal("2"), forge=forge, now=NOW)
print("done")
"""


def killed(place: LocalPlace, action: str, stop: int) -> bool:
    """Run in a process that dies before its n-th write; whether it did."""
    argv = [sys.executable, "-c", CHILD, str(place.repository.root), action, str(stop)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == -signal.SIGKILL or done.stdout == "done\n", done.stderr
    return done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("action", ["open", "update", "withdraw"])
def test_killed_before_each_write(tmp_path: Path, action: str) -> None:
    stops = 0
    for stop in range(1, 30):
        place = LocalPlace.create(tmp_path / f"r{stop}")
        if action != "open":
            keep(proposal("1"), forge=place.forge, now=NOW)
        if not killed(place, action, stop):
            break
        stops += 1
        if action == "withdraw":
            assert_gone(place)
        else:
            assert_whole(place)
    assert stops >= 4


def assert_whole(place: LocalPlace) -> None:
    outcome = keep(proposal("2"), forge=place.forge, now=NOW)
    assert outcome.number == 1
    (pull,) = place.forge.pulls()
    assert pull.state is PullState.OPEN
    assert (pull.labels, pull.reviewers, pull.title) == (("mlops-ci",), ("ann",), "Promote a 2")
    assert "state=kept" in pull.body
    assert "Version 2" in pull.body
    assert place.files(BRANCH)[RELEASE] == "version 2"
    assert len(place.forge.commits(BRANCH, base="main")) == 1
    assert "mlops-ci" not in place.repository.git("branch", "--format=%(refname:short)").replace(BRANCH, "")
    before = written(place)
    assert keep(proposal("2"), forge=place.forge, now=NOW).action is Action.UNCHANGED
    assert written(place) == before


def assert_gone(place: LocalPlace) -> None:
    withdraw(KEY, "main", forge=place.forge, reason="Blocked.")
    (pull,) = place.forge.pulls()
    assert pull.state is PullState.CLOSED
    assert len(place.forge.comments(1)) == 1
    assert place.forge.tip(BRANCH) == ""
    assert keep(proposal("2"), forge=place.forge, now=NOW).action is Action.OPENED, (
        "we closed it, so it is no 'not now'"
    )
