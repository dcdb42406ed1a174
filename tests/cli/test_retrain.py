"""`mlops-ci retrain` where there is nothing, or nothing sound, to go by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.cli.main import run
from mlops_ci.cli.options import common
from mlops_ci.cli.retraining import Making
from mlops_ci.cli.session import open_session
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.codec import encode
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages.living_state import Seen
from tests.backends.forge_place import LocalPlace
from tests.digests.repository import Repository
from tests.stages.retraining import Story

BRANCH = "mlops-ci/retrain/toy"
CONFIG = "version: 1\nmodels:\n  toy:\n    drift: {current: 'production/*.csv'}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repository = Repository.create(tmp_path / "r")
    repository.write("mlops.yaml", CONFIG)
    repository.write("dvc.yaml", "stages:\n  train: {cmd: python train.py, outs: [model]}\n")
    repository.write("requirements.txt", "scikit-learn==1.5\n")
    repository.commit()
    monkeypatch.chdir(repository.root)
    return repository.root


def test_nothing_is_watched(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "mlops.yaml").write_text(CONFIG.partition("    drift")[0].replace("toy:", "toy: {}"))
    assert run(["retrain"]) == 0
    assert "nothing is watched" in capsys.readouterr().out


def test_without_a_drift_result_nothing_is_done(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["retrain"]) == 0
    assert "there is no drift result to go by: mlops-ci drift" in capsys.readouterr().out
    red = StageResult(stage="drift", model="toy", status=Status.ERROR, reason="the source is down")
    Workspace(home).write_result(red)
    assert run(["retrain"]) == 0
    assert "the source is down" in capsys.readouterr().out


def test_a_look_at_history_asks_for_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = Story(place=LocalPlace.create(home.parent / "forge"))
    found = encode(replace(story.details(), until="2026-01"))
    Workspace(home).write_result(StageResult(stage="drift", model="toy", status=Status.FAILED, details=found))
    assert run(["retrain"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "looked at history (--window 2026-01), which asks for nothing" in said


def test_a_drift_result_of_another_version_names_the_cure(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = StageResult(stage="drift", model="toy", status=Status.FAILED, details={"signal": 1})
    Workspace(home).write_result(odd)
    assert run(["retrain"]) == 3
    out = capsys.readouterr().out
    assert "the drift result is not one of this version" in out
    assert "mlops-ci drift --model toy" in out


def test_what_the_base_changed_is_held_against_what_the_branch_changes(home: Path) -> None:
    """On a branch that only the remote has, it is fetched; where that fails, DVC's records decide."""
    here = Repository(home)
    here.write("data.csv.dvc", "old\n")
    here.write("metrics.json", "{}\n")
    onto = here.commit("Bring data")
    bare = home.parent / "remote.git"
    here.git("init", "-q", "--bare", str(bare))
    here.git("remote", "add", "origin", str(bare))
    there = Repository(home.parent / "there")
    here.git("push", "-q", "origin", "HEAD:main")
    here.git("clone", "-q", str(bare), str(there.root), "-b", "main")
    there.git("checkout", "-q", "-b", BRANCH)
    there.write("metrics.json", "{1}\n")
    there.commit("Retrain")
    there.git("push", "-q", "origin", BRANCH)
    tip = there.git("rev-parse", "HEAD")

    session = open_session(common({"config": Path("mlops.yaml"), "json": False, "quiet": True}))
    making = Making(session=session, name="toy", say=lambda line: None)

    def overlaps(path: str, branch: str = tip) -> bool:
        here.git("reset", "-q", "--hard", onto)
        here.write(path, "theirs\n")
        base = here.commit("Move on")
        seen = Seen(branch=BRANCH, base="main", tip=branch, base_tip=base, commits=(), pull=None, last=None)
        return making.overlaps(onto, seen)

    nowhere = "1" * 40
    assert [overlaps(path, nowhere) for path in ("data.csv.dvc", "metrics.json", "other.txt")] == [True, False, False]
    assert [overlaps(path) for path in ("data.csv.dvc", "metrics.json", "other.txt")] == [False, True, False]
    here.git("reset", "-q", "--hard", f"{onto}^")
    assert making.overlaps(
        onto, Seen(branch=BRANCH, base="main", tip=tip, base_tip=f"{onto}^", commits=(), pull=None, last=None)
    ), "the base was force-pushed"
