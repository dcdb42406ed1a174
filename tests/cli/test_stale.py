"""What a judgement that no longer counts stops: real git, a real MLflow registry, nothing that serves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops_ci.backends.mlflow.registry import MlflowRegistry
from mlops_ci.backends.mlflow.tracker import MlflowTracker
from mlops_ci.cli.main import run
from mlops_ci.cli.options import Common
from mlops_ci.cli.pushed import last_change
from mlops_ci.cli.session import open_session
from mlops_ci.config.load import load
from mlops_ci.digests.directory import digest_directory
from mlops_ci.digests.sources import Project
from mlops_ci.io.git import Git
from mlops_ci.ports.tracking import TrainedModel
from mlops_ci.records.models import Candidate, Judgement
from mlops_ci.records.results import Verdict
from mlops_ci.stages.inputs import judgement_digest, model_inputs
from tests.digests.repository import Repository

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
CONFIG = """\
version: 1
models:
  toy:
    evaluate:
      holdout: holdout.csv
      label: label
      metrics: [accuracy]
      gates: [{metric: accuracy, against: production}]
    environments:
      staging: {target: local}
      production: {target: local}
"""
URI = "sqlite:///.mlops/mlflow.db"
Out = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class Shop:
    """A candidate of HEAD's inputs, which was registered; `judge` says how it was judged last."""

    root: Path
    tracker: MlflowTracker
    registry: MlflowRegistry
    candidate: Candidate

    def judge(self, *, champion: str = "", passed: bool = True) -> None:
        config = load(self.root / "mlops.yaml", {})
        rules = judgement_digest(config.models["toy"], Project(Git.open(self.root).working_tree()))
        judgement = Judgement(
            verdict=Verdict.BETTER if passed else Verdict.WORSE,
            passed=passed,
            digest=rules,
            holdout="h",
            champion=champion,
            champions={"production": champion},
        )
        self.tracker.judge(self.candidate.run_id, judgement, files={})


def record(tracker: MlflowTracker, folder: Path, inputs: str) -> Candidate:
    folder.mkdir()
    (folder / "MLmodel").write_text(f"flavors: {{python_function: {{loader_module: {folder.name}}}}}\n", "utf-8")
    trained = TrainedModel(
        model="toy",
        directory=folder,
        inputs_digest=inputs,
        model_digest=digest_directory(folder),
        params={},
        metrics={},
        data={},
    )
    return tracker.record(trained)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    repository = Repository.create(tmp_path / "r")
    repository.write(".gitignore", "/.mlops/\n/model\n")
    repository.write("mlops.yaml", CONFIG)
    repository.write("holdout.csv", "a,label\n1,1\n")
    repository.write("dvc.yaml", "stages: {train: {cmd: 'true', outs: [model]}}\n")
    repository.commit("Config")
    monkeypatch.chdir(repository.root)
    tracker = MlflowTracker(root=repository.root, uri=URI)
    registry = MlflowRegistry(root=repository.root, uri=URI, registry_uri=URI)
    model = load(repository.root / "mlops.yaml", {}).models["toy"]
    inputs = model_inputs(model, Project(Git.open(repository.root).working_tree())).digest
    made = Shop(repository.root, tracker, registry, record(tracker, tmp_path / "one", inputs))
    registry.create("toy", made.candidate, tags={"commit": "c" * 40})
    other, _ = registry.create("toy", record(tracker, tmp_path / "two", "2" * 64), tags={"commit": "d" * 40})
    registry.point("toy", "production", other)
    made.judge(champion=other.model_digest)
    return made


def steps(capsys: Out, *words: str) -> dict[str, tuple[str, str]]:
    """stage → (action, what)."""
    capsys.readouterr()
    run([*words, "--json"])
    return {step["stage"]: (step["action"], step["what"]) for step in json.loads(capsys.readouterr().out)}


def test_a_plan_tells_of_a_champion_that_moved_though_the_version_is_registered(shop: Shop, capsys: Out) -> None:
    assert steps(capsys, "plan")["register"][0] == "already done"
    shop.judge(champion="0" * 64)
    action, what = steps(capsys, "plan")["register"]
    assert action == "do"
    assert what.startswith("the champion of production has changed since the judgement: judge again; if it holds, go")


DEPLOY = ("deploy", "--environment", "staging")


def test_a_deployment_alone_serves_nothing_that_was_judged_red_or_against_another_champion(
    shop: Shop, capsys: Out
) -> None:
    assert steps(capsys, *DEPLOY, "--dry-run")["deploy-staging"][0] == "do"
    shop.judge(champion="0" * 64)
    assert run(list(DEPLOY)) == 11
    assert "the champion of production has changed since the judgement" in capsys.readouterr().out
    action, what = steps(capsys, *DEPLOY, "--dry-run")["deploy-staging"]
    assert (action, what.partition(":")[0]) == ("blocked by", "register")
    assert run([*DEPLOY, "--dry-run"]) == 11
    shop.judge(passed=False)
    assert run(list(DEPLOY)) == 10
    assert "the candidate was judged red (worse)" in capsys.readouterr().out
    assert steps(capsys, *DEPLOY, "--dry-run")["deploy-staging"][0] == "blocked by"
    assert not list((shop.root / ".mlops").rglob("serving/*/*/state.json")), "nothing was served"


def push(shop: Shop, monkeypatch: pytest.MonkeyPatch, before: str, by: str) -> None:
    """Let a job run for a push onto `before`: in GitHub Actions, or where `by` is the variable that tells of it."""
    if by != "GitHub":
        monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
        monkeypatch.setenv(by, before)
        return
    path = shop.root / ".mlops/event.json"
    path.write_text(json.dumps({"before": before}), "utf-8")
    for name, value in (("ACTIONS", "true"), ("EVENT_NAME", "push"), ("EVENT_PATH", str(path))):
        monkeypatch.setenv(f"GITHUB_{name}", value)


@pytest.mark.parametrize("by", ["GitHub", "CI_COMMIT_BEFORE_SHA", "GIT_PREVIOUS_SUCCESSFUL_COMMIT"])
def test_the_last_change_of_a_push_is_told_though_another_commit_came_after(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    repository = Repository(shop.root)

    def told(before: str) -> tuple[bool, bool]:
        """(whether the model was changed, whether by its rules alone)"""
        push(shop, monkeypatch, before, by)
        session = open_session(
            Common(config=Path("mlops.yaml"), models=(), all_models=False, base="", json=False, quiet=True)
        )
        (item,) = session.chosen
        assert not item.affected, "HEAD changes the README alone"
        found = last_change(session, session.model("toy"), item)
        return found.affected, found.base_inputs_digest == found.inputs_digest

    start = Git.open(shop.root).head()
    repository.write("mlops.yaml", CONFIG.replace("production}]", "production, margin: 0.1}]"))
    gates = repository.commit("Gates")
    repository.write("README.md", "1\n")
    readme = repository.commit("Readme")
    assert told(start) == (True, True)
    assert told(gates)[0] is False, "one commit was pushed"
    assert told("0" * 40)[0] is False, "the branch is new"
    repository.write("dvc.yaml", "stages: {train: {cmd: 'false', outs: [model]}}\n")
    repository.commit("Another model")
    repository.write("README.md", "2\n")
    repository.commit("Readme again")
    assert told(start) == (True, False), "the last one counts: a model that returns is not asked for newer rules"
    assert told(readme) == (True, False)
