"""Which forge a command works with: GitHub where it can be reached, the repository itself otherwise."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mlops_ci.backends.local_forge.forge import LocalForge
from mlops_ci.cli import wiring
from mlops_ci.cli.main import run
from mlops_ci.config.load import load
from mlops_ci.config.types import Config
from mlops_ci.errors import MissingExtra, UsageError
from tests.digests.repository import Repository

GITHUB = {"GITHUB_REPOSITORY": "acme/models", "GITHUB_TOKEN": "ghs_x"}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository.create(tmp_path / "r")
    monkeypatch.chdir(made.root)
    return made


def configured(repository: Repository, forge: str = "") -> Config:
    chosen = f"forge: {forge}\n" if forge else ""
    repository.write("mlops.yaml", f"version: 1\n{chosen}models:\n  toy: {{train: {{target: train}}}}\n")
    return load(repository.root / "mlops.yaml", os.environ)


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GITHUB.items():
        monkeypatch.setenv(name, value)


def test_without_github_it_is_the_repository_itself(repository: Repository) -> None:
    config = configured(repository)
    assert isinstance(wiring.forge(config), LocalForge)
    assert wiring.reviewing(config) is None


def test_a_repository_name_without_a_token_is_not_enough(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/models")
    assert isinstance(wiring.forge(configured(repository)), LocalForge)
    with pytest.raises(UsageError, match="'forge: github' needs GITHUB_REPOSITORY"):
        wiring.forge(configured(repository, "github"))


@pytest.mark.usefixtures("reachable")
def test_github_where_it_can_be_reached(repository: Repository) -> None:
    from mlops_ci.backends.github.forge import GitHubForge

    for forge in ("", "auto", "github"):
        found = wiring.forge(configured(repository, forge))
        assert isinstance(found, GitHubForge)
        assert found.access.repository == "acme/models"
        assert wiring.reviewing(configured(repository, forge)) is not None
    assert isinstance(wiring.forge(configured(repository, "local")), LocalForge)


@pytest.mark.usefixtures("reachable")
@pytest.mark.parametrize("words", [["list"], ["show", "1"], ["approve", "1"], ["merge", "1"], ["close", "1"]])
def test_the_commands_of_the_local_forge_point_there(
    repository: Repository, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    configured(repository)
    assert run(["forge", *words]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "the pull requests of acme/models live on GitHub, not in this repository" in said


@pytest.mark.usefixtures("reachable")
def test_a_missing_library_names_its_extra(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("mlops_ci.backends.github")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("github3", "github3.models", "github3.session"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match="github"):
        wiring.forge(configured(repository))


def test_a_forge_that_nobody_knows(repository: Repository) -> None:
    with pytest.raises(UsageError, match="forge"):
        configured(repository, "gitlab")
