"""What a run keeps in MLflow, and that it is enough to rebuild the Python that trained the model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mlops_ci.backends.data.holdouts import FileHoldouts
from mlops_ci.backends.mlflow.tracker import MlflowTracker
from mlops_ci.backends.scoring.scorer import SubprocessScorer
from mlops_ci.backends.uv_environments import UvEnvironments
from mlops_ci.io.workspace import Workspace
from mlops_ci.stages.scoring import Bench, environment_of
from tests.e2e.person import Person
from tests.e2e.tiny import details, train

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture
def recorded(stocked: Person) -> Person:
    """A training in an environment that two files of one name describe."""
    stocked.write("a/requirements.txt", "-r ../b/requirements.txt\n")
    stocked.write("b/requirements.txt", "six==1.16.0\n")
    stocked.write("mlops.yaml", "version: 1\nmodels:\n  toy:\n    train: {environment: a/requirements.txt}\n")
    stocked.commit("Describe the environment")
    train(stocked)
    return stocked


def test_a_run_says_how_long_it_took_from_what_and_with_what(recorded: Person) -> None:
    (run,) = recorded.runs()
    found = details(recorded)
    assert float(run.data.tags["mlops_ci.seconds"]) == found["train_seconds"] > 0
    assert float(run.data.tags["mlops_ci.peak_memory_mb"]) == pytest.approx(found["peak_memory_mb"], abs=0.1)
    assert found["peak_memory_mb"] > 1
    data = json.loads(run.data.tags["mlops_ci.data"])
    assert data["d.csv"] == "md5:b026324c6904b2a9cb4b88d6d61c81d1"
    assert data["train.py"].startswith("git:")
    kept = recorded.home / ".mlops/artifacts/toy" / run.info.run_id / "artifacts/environment"
    for name in ("a/requirements.txt", "b/requirements.txt"):
        assert (kept / name).read_bytes() == (recorded.home / name).read_bytes()


def test_the_environment_is_rebuilt_from_the_run_alone(recorded: Person, tmp_path: Path) -> None:
    """As for a champion, whose requirements are not the checkout's any more."""
    (run,) = recorded.runs()
    for name in ("a/requirements.txt", "b/requirements.txt"):
        (recorded.home / name).unlink()
    bench = Bench(
        root=recorded.home,
        tracker=MlflowTracker(root=recorded.home, uri="sqlite:///.mlops/mlflow.db"),
        environments=UvEnvironments(cache=tmp_path / "cache", environ=os.environ),
        scorer=SubprocessScorer(environ=os.environ),
        holdouts=FileHoldouts(),
        workspace=Workspace(recorded.home),
    )
    python = environment_of(run.info.run_id, bench, tmp_path / "scratch", lambda line: None)
    assert python.description == "requirements.txt"
    assert (
        python.path.parent.parent / "lib" / f"python{python.version.rpartition('.')[0]}" / "site-packages/six.py"
    ).exists()
