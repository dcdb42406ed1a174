"""What an environment asks of a release that its file names again: real git, a real MLflow registry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.backends.mlflow.registry import MlflowRegistry
from mlops_ci.backends.mlflow.tracker import MlflowTracker
from mlops_ci.cli.main import run
from mlops_ci.config import release_file
from mlops_ci.config.types import Model
from mlops_ci.digests.directory import digest_directory
from mlops_ci.ports.tracking import TrainedModel
from mlops_ci.records.models import Release, Version
from mlops_ci.records.results import Status
from mlops_ci.stages.deploy import pointed, release_of
from tests.digests.repository import Repository

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
CONFIG = """\
version: 1
models:
  toy:
    environments:
      staging: {target: local}
      production: {target: local, requires: {verified_in: staging}}
"""
FILE = "releases/toy/production.yaml"
URI = "sqlite:///.mlops/mlflow.db"
Out = pytest.CaptureFixture[str]


@pytest.fixture
def registry(tmp_path: Path) -> MlflowRegistry:
    return MlflowRegistry(root=tmp_path / "r", uri=URI, registry_uri=URI)


@pytest.fixture
def versions(tmp_path: Path, registry: MlflowRegistry, monkeypatch: pytest.MonkeyPatch) -> list[Version]:
    """Two registered versions, in the repository that the command line works in. Nothing serves."""
    repository = Repository.create(tmp_path / "r")
    repository.write(".gitignore", "/.mlops/\n")
    repository.write("mlops.yaml", CONFIG)
    repository.write("dvc.yaml", "stages: {train: {cmd: 'true', outs: [model]}}\n")
    repository.commit("Config")
    monkeypatch.chdir(repository.root)
    tracker = MlflowTracker(root=repository.root, uri=URI)
    found = []
    for number in (1, 2):
        directory = tmp_path / f"model-{number}"
        directory.mkdir()
        (directory / "MLmodel").write_text(f"flavors: {{python_function: {{loader_module: toy{number}}}}}\n", "utf-8")
        trained = TrainedModel(
            model="toy",
            directory=directory,
            inputs_digest=f"{number}" * 64,
            model_digest=digest_directory(directory),
            params={},
            metrics={},
            data={},
        )
        found.append(registry.create("toy", tracker.record(trained), tags={"commit": "c" * 40})[0])
    return found


def name(root: Path, *releases: Release) -> None:
    """Let production's file name one after the other, each by a commit."""
    repository = Repository(root)
    for release in releases:
        repository.write(FILE, release_file.render(release))
        repository.commit()


def planned(capsys: Out) -> tuple[str, str]:
    """(action, what) of the deployment in production."""
    run(["deploy", "--environment", "production", "--dry-run", "--json"])
    (step,) = json.loads(capsys.readouterr().out)
    return step["action"], step["what"]


def test_what_git_named_before_and_never_served_is_asked_when_it_returns(
    tmp_path: Path, registry: MlflowRegistry, versions: list[Version], capsys: Out
) -> None:
    one, two = (release_of(version, Model(name="toy", root=tmp_path)) for version in versions)
    name(tmp_path / "r", one, two, one)
    action, what = planned(capsys)
    assert action == "blocked by"
    assert "version 1 does not serve in staging, which must come first" in what

    registry.point("toy", "staging", versions[0])
    assert planned(capsys)[0] == "blocked by", "another environment's past is no proof"
    registry.point("toy", "production", versions[0])
    registry.point("toy", "production", versions[1])
    assert planned(capsys) == ("do", f"serve version 1 (model {one.model_digest[:12]}) in production (local)")

    name(tmp_path / "r", replace(one, serving={"threads": "2"}))
    assert planned(capsys)[0] == "blocked by", "it never served with these settings"


def test_what_was_named_before_its_version_was_packed_serves_on_and_may_return(
    tmp_path: Path, registry: MlflowRegistry, versions: list[Version], capsys: Out
) -> None:
    bare = release_of(versions[0], Model(name="toy", root=tmp_path))
    registry.point("toy", "production", versions[0])
    name(tmp_path / "r", bare)
    image = {"image": "r/toy", "image_digest": "sha256:" + "1" * 64}
    packed = release_of(registry.annotate(versions[0], image), Model(name="toy", root=tmp_path))
    serves = ("do", f"serve version 1 (model {bare.model_digest[:12]}) in production (local)")
    assert planned(capsys) == serves, "as its file says: without the image"

    name(tmp_path / "r", packed)
    action, what = planned(capsys)
    assert (action, what.partition(",")[0]) == ("blocked by", "version 1 does not serve in staging"), "it is asked"
    name(tmp_path / "r", bare)
    assert planned(capsys) == serves, "the revert is not"
    name(tmp_path / "r", replace(packed, image_digest="sha256:" + "2" * 64))
    assert f"{FILE}:8: it names a release that nobody registered like this: image_digest" in planned(capsys)[1]


def test_settings_that_its_version_was_never_served_with_are_refused_though_the_file_has_its_digest(
    tmp_path: Path, registry: MlflowRegistry, versions: list[Version], capsys: Out
) -> None:
    model = Model(name="toy", root=tmp_path, serving={"threads": 2})
    bare, set_now = (release_of(versions[0], item) for item in (Model(name="toy", root=tmp_path), model))
    for release in (bare, set_now):  # as each environment does, before it is promoted from there
        assert pointed(release, "staging", registry).status is Status.PASSED
    registry.point("toy", "production", versions[0])
    for release in (bare, set_now):
        name(tmp_path / "r", release)
        assert "nobody registered" not in planned(capsys)[1]
    name(tmp_path / "r", replace(bare, serving={"threads": "64"}))
    action, what = planned(capsys)
    assert action == "blocked by"
    assert f"{FILE}:12: it names a release that nobody registered like this: serving is not version 1's" in what
