"""Release files in real git: of a revision, of the working tree, and where they do not belong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mlops_ci.config.load import load
from mlops_ci.config.release_file import digest, path_of, render
from mlops_ci.config.types import Config
from mlops_ci.errors import ConfigError, UsageError
from mlops_ci.io.git import Git
from mlops_ci.records.models import Release
from mlops_ci.stages.releases import not_registered, read_release, read_releases
from tests.digests.repository import Repository

CONFIG = "version: 1\nmodels:\n  a:\n    environments: {staging: {}, production: {}}\n"
RELEASE = Release(model="a", version="1", model_digest="0" * 64, inputs_digest="1" * 64, run_id="r")


@pytest.fixture(params=["", "ml/"])
def folder(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def repository(tmp_path: Path, folder: str) -> Repository:
    made = Repository.create(tmp_path / "r")
    made.write(f"{folder}mlops.yaml", CONFIG)
    return made


def config(repository: Repository, folder: str) -> Config:
    return load(repository.root / folder / "mlops.yaml", {})


def test_each_revision_has_its_own(repository: Repository, folder: str) -> None:
    found = config(repository, folder)
    path = folder + path_of("a", "production")
    first = repository.commit("None yet")
    repository.write(path, render(RELEASE))
    repository.write(f"{folder}releases/README.md", "kept by mlops-ci")
    second = repository.commit("Promote 1")
    newer = dataclasses.replace(RELEASE, version="2")
    repository.write(path, render(newer))
    git = Git.open(repository.root)
    assert read_release(found, "a", "production", tree=git.tree(first)) is None
    assert read_release(found, "a", "production", tree=git.tree(second)) == RELEASE
    assert read_release(found, "a", "production", tree=git.working_tree()) == newer
    assert read_releases(found, tree=git.working_tree()) == {("a", "production"): newer}
    assert read_releases(found, tree=git.tree(first)) == {}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("releases/b/production.yaml", "no model 'b'"),
        ("releases/a/qa.yaml", "no environment 'qa'"),
        ("releases/production.yaml", "a release lies in"),
    ],
)
def test_what_the_config_lacks_is_refused(repository: Repository, folder: str, path: str, expected: str) -> None:
    repository.write(folder + path, render(RELEASE))
    repository.commit()
    with pytest.raises(ConfigError, match=expected):
        read_releases(config(repository, folder), tree=Git.open(repository.root).working_tree())


def test_another_models_release_is_refused(repository: Repository, folder: str) -> None:
    repository.write(folder + path_of("a", "staging"), render(dataclasses.replace(RELEASE, model="b")))
    repository.commit()
    with pytest.raises(ConfigError, match=r"releases/a/staging.yaml:2: it is a release of 'b'"):
        read_release(config(repository, folder), "a", "staging", tree=Git.open(repository.root).working_tree())


def test_a_link_is_refused(repository: Repository, folder: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_bytes(render(RELEASE))
    link = repository.root / folder / path_of("a", "staging")
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere.yaml")
    repository.commit()
    with pytest.raises(ConfigError, match="a release is a plain file, not a link"):
        read_releases(config(repository, folder), tree=Git.open(repository.root).working_tree())


@pytest.mark.parametrize(("model", "environment"), [("..", "staging"), ("a", "../../x"), ("a", "qa"), ("b", "staging")])
def test_names_are_checked_before_a_path_is_made(
    repository: Repository, folder: str, model: str, environment: str
) -> None:
    repository.commit()
    tree = Git.open(repository.root).working_tree()
    with pytest.raises(UsageError, match=r"is no name of|mlops\.yaml has no"):
        read_release(config(repository, folder), model, environment, tree=tree)


@pytest.mark.parametrize(
    "packing", [{"image": "r/a", "image_digest": "sha256:" + "1" * 64}, {"storage_uri": "s3://bucket/model"}]
)
def test_a_release_that_was_named_before_its_version_was_packed(packing: dict[str, str]) -> None:
    packed = dataclasses.replace(RELEASE, **packing)  # type: ignore[arg-type]
    served = dataclasses.replace(RELEASE, serving={"timeout": "5"})
    assert not_registered(RELEASE, packed, ()) == ""
    assert not_registered(served, packed, ()) == "", "nobody has noted yet how it is served"
    assert not_registered(packed, packed, ()) == ""
    (packs, *_) = packing
    assert not_registered(packed, RELEASE, ()) == packs, "nobody packed it"
    for field, value in packing.items():
        other = dataclasses.replace(packed, **{field: f"{value[:-1]}2"})  # type: ignore[arg-type]
        assert not_registered(other, packed, ()) == field
        assert not_registered(dataclasses.replace(RELEASE, **{field: "x"}), packed, ())  # type: ignore[arg-type]
    assert not_registered(dataclasses.replace(RELEASE, model_digest="2" * 64), packed, ()) == "model_digest"


def test_a_release_is_served_as_its_version_once_was() -> None:
    served = dataclasses.replace(RELEASE, serving={"timeout": "5"})
    assert not_registered(served, RELEASE, {digest(RELEASE)}) == "serving"
    assert not_registered(served, RELEASE, {digest(RELEASE), digest(served)}) == ""
    assert not_registered(RELEASE, RELEASE, {digest(served)}) == "serving"
