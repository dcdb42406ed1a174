"""`mlops-ci doctor` in real repositories: what it says, how it ends, and that it changes nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_ci.cli import installed
from mlops_ci.cli.main import run
from mlops_ci.io import clock
from tests.backends.github_place import GitHubPlace, github
from tests.github.hub import Workflow

PAGE = Path(__file__).parents[2] / "docs/doctor.md"
CONFIG = """\
version: 1
{more}models:
  churn:
    train: {{target: train, environment: requirements.txt}}
    environments: {environments}
"""
ENVIRONMENTS = "{staging: {target: local}, production: {target: local}}"


class Clinic:
    """A repository with a pipeline, and what doctor says of it."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.capsys = capsys
        home.mkdir()
        self.git("init", "-q", "-b", "main")
        self.write("dvc.yaml", "stages: {train: {cmd: python train.py, outs: [model]}}\n")
        self.write("requirements.txt", "mlflow\n")
        self.write(".dvc/config", "")
        self.configure()
        self.commit()

    def git(self, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=self.home, check=True, capture_output=True, text=True).stdout

    def write(self, path: str, text: str) -> None:
        (self.home / path).parent.mkdir(parents=True, exist_ok=True)
        (self.home / path).write_text(text)

    def configure(self, more: str = "", environments: str = ENVIRONMENTS) -> None:
        self.write("mlops.yaml", CONFIG.format(more=more, environments=environments))

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "Change")

    def text(self, *words: str, expect: int = 0) -> str:
        """Everything that is shown; nothing may be changed."""
        before = self.state()
        code = run(["doctor", *words])
        said = self.capsys.readouterr()
        assert code == expect, said
        assert self.state() == before
        return said.out + said.err

    def levels(self, *words: str, expect: int = 0) -> dict[str, str]:
        """The level of each line, by its name."""
        before = self.state()
        code = run(["doctor", "--json", *words])
        said = self.capsys.readouterr()
        assert code == expect, said
        assert self.state() == before
        return {item["name"]: item["level"] for item in json.loads(said.out)["findings"]}

    def state(self) -> list[str]:
        return sorted(str(path) for path in self.home.rglob("*") if ".git" not in path.parts)


@pytest.fixture
def clinic(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinic:
    made = Clinic(tmp_path / "churn", capsys)
    monkeypatch.chdir(made.home)
    return made


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubPlace]:
    """A GitHub that the environment names."""
    with github(tmp_path) as made:
        made.forge.api.get("")  # the first answer of a process takes the server here seconds
        monkeypatch.setenv("GITHUB_REPOSITORY", made.repo.full_name)
        monkeypatch.setenv("GITHUB_API_URL", made.server.api_url)
        monkeypatch.setenv("GITHUB_TOKEN", made.token)
        yield made


def test_offline_it_looks_at_this_machine_and_this_clone(clinic: Clinic) -> None:
    text = " ".join(clinic.text("--offline").split())
    assert "ok history: whole, on main" in text
    assert "ok MLflow: the embedded store, .mlops/mlflow.db, made when it is first needed" in text
    assert "0 errors, 0 warnings; not looked at (--offline): DVC remote" in text
    assert "GitHub" not in text.replace("github3", "")


def test_what_is_wrong_has_its_cure_on_the_next_line(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = clinic.text().splitlines()
    number = next(number for number, line in enumerate(lines) if "DVC remote" in line)
    assert lines[number].startswith("  warning DVC remote: there is no default remote")
    assert lines[number + 1] == "          → dvc remote add -d store URL, then commit .dvc/config"


def test_without_a_config_the_rest_is_looked_at(clinic: Clinic) -> None:
    (clinic.home / "mlops.yaml").unlink()
    found = clinic.levels(expect=2)
    assert found["mlops.yaml"] == "error"
    assert (found["programs"], found["history"]) == ("ok", "ok")
    clinic.write("mlops.yaml", "version: 1\nmodles: {}\n")
    assert "did you mean 'models'" in clinic.text("--offline", expect=2)


def test_outside_of_a_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["doctor"]) == 2
    said = capsys.readouterr().out
    assert "error   clone:" in said
    assert "error   mlops.yaml: there is no mlops.yaml" in said
    assert "or let 'mlops-ci init' write one" in " ".join(said.split())


def test_a_shallow_clone(clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.write("more.txt", "more")
    clinic.commit()
    clinic.git("clone", "-q", "--depth", "1", f"file://{clinic.home}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    assert "git fetch --unshallow" in clinic.text("--offline", expect=2)


def test_a_token_that_is_none_is_an_error_of_its_own(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.configure("forge: github\n")
    assert clinic.levels("--offline", expect=2)["token"] == "error"
    clinic.configure()
    clinic.git("remote", "add", "origin", "git@github.com:acme/churn.git")
    monkeypatch.setenv("COLUMNS", "120")
    text = clinic.text("--offline")
    assert "→ GITHUB_REPOSITORY=acme/churn GH_TOKEN=$(gh auth token) mlops-ci doctor" in text


@pytest.mark.slow
def test_a_repository_at_github(clinic: Clinic, place: GitHubPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page shows is what is printed here, but for the versions."""
    monkeypatch.setattr(installed, "own_commit", lambda: "a" * 40)
    clinic.configure(environments=f"{ENVIRONMENTS}\n    drift: {{current: data/production.csv}}")
    assert run(["init", "--yes", "--owner", "@acme/ml"]) == 0
    clinic.capsys.readouterr()
    names = {
        "token": "warning",
        "permissions": "ok",
        "required check": "warning",
        "pull requests only": "warning",
        "drift.yml": "warning",
        "CODEOWNERS": "ok",
        "MLflow": "warning",
    }
    assert names.items() <= clinic.levels().items()
    assert not place.hub.faults.writes()
    setting = place.repo.setting
    setting.checks, setting.pull_request = ["Models are judged"], True
    now = (clock.now() - timedelta(minutes=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
    place.repo.workflows.append(Workflow(id=7, path=".github/workflows/drift.yml", scheduled=[(now, "success")]))
    monkeypatch.setenv("COLUMNS", "100")
    shown = PAGE.read_text("utf-8").partition("```text\n")[2].partition("```")[0]
    assert clinic.text().partition("\nrepository\n")[2] == shown.partition("\nrepository\n")[2]
    place.repo.workflows[0].state = "disabled_inactivity"
    assert "gh workflow enable drift.yml" in clinic.text(expect=2)


def test_workflows_that_are_older_than_their_templates(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "own_commit", lambda: "a" * 40)
    clinic.git("remote", "add", "origin", "git@github.com:acme/churn.git")
    assert clinic.levels("--offline")["workflows"] == "warning", "there are none"
    assert run(["init", "--yes"]) == 0
    clinic.capsys.readouterr()
    assert clinic.levels("--offline")["workflows"] == "ok"
    monkeypatch.setattr(installed, "own_commit", lambda: "b" * 40)
    monkeypatch.setenv("COLUMNS", "120")
    assert "warning workflows: merge.yml, promote.yml, publish.yml, pull-request.yml" in clinic.text("--offline")
    clinic.write(".github/mlops-ci/merge.yml", "edited")
    assert ".github/mlops-ci/merge.yml: this is not what mlops-ci init wrote" in clinic.text("--offline", expect=2)


@pytest.mark.slow
def test_a_github_that_is_down_is_told_at_once(clinic: Clinic, place: GitHubPlace) -> None:
    place.hub.faults.add(status=503, times=50)
    began = clock.stopwatch()
    found = clinic.levels(expect=3)
    assert clock.stopwatch() - began < 60
    assert (found["token"], found["rules"], found["programs"]) == ("error", "error", "ok")


# docker-py drops the socket of a client that met no daemon, and leaves closing it to the interpreter.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_serves_is_looked_at_where_the_config_asks_for_it(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{clinic.home}/nobody.sock")
    monkeypatch.setenv("KUBECONFIG", f"{clinic.home}/nothing")
    clinic.configure(environments="{staging: {target: docker}}\n    build: {image: acme/churn}")
    assert clinic.levels(expect=3)["docker"] == "error"
    clinic.configure(environments="{staging: {target: kserve, namespace: ml}}\n    build: {mode: none}")
    found = clinic.levels(expect=2)
    assert (found["cluster ml"], "docker" in found) == ("error", False)


def test_no_secret_is_shown(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.configure("tracking: {uri: 'http://ann:open-sesame@127.0.0.1:9'}\n")
    for name, value in (("MLFLOW_TRACKING_PASSWORD", "hunter22"), ("AWS_SECRET_ACCESS_KEY", "churn-secret-key")):
        monkeypatch.setenv(name, value)
    clinic.write(
        ".dvc/config",
        "[core]\n    remote = store\n['remote \"store\"']\n    url = nope://hunter22:x@y/churn-secret-key\n",
    )
    for words in ((), ("--json",)):
        text = clinic.text(*words, expect=2)
        assert not any(secret in text for secret in ("open-sesame", "hunter22", "churn-secret-key"))
        assert "127.0.0.1:9 does not answer" in text
