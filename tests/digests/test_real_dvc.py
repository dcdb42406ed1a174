"""Repositories that DVC itself made: what it adds, imports, runs, freezes, and what its graph reaches."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_ci.digests.graph import reach
from mlops_ci.digests.inputs import Inputs, find_inputs
from mlops_ci.io.git import Git
from tests.digests.repository import Repository

pytestmark = pytest.mark.slow
PIPELINE = """\
stages:
  clean:
    cmd: cp raw.csv clean.csv
    deps: [raw.csv]
    outs: [clean.csv]
  pictures:
    cmd: mkdir -p small && cp images/a small/a
    deps: [images/a]
    outs: [small]
  fetched:
    cmd: cp imported.csv copy.csv
    deps: [imported.csv]
    outs: [copy.csv]
  train:
    cmd: mkdir -p model && cat clean.csv copy.csv small/a > model/m && echo '{}' > metrics.json
    deps: [clean.csv, small/a, copy.csv]
    params: [depth]
    outs: [model]
    metrics: [metrics.json: {cache: false}]
  report:
    cmd: cp metrics.json report.txt
    deps: [metrics.json, model]
    outs: [report.txt]
"""


def dvc(repository: Repository, *words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "dvc", *words], cwd=repository.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """Data added and imported by DVC, a pipeline that ran once, and the state before it as the tag `untrained`."""
    folder = tmp_path_factory.mktemp("dvc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_SITE_CACHE_DIR", str(folder / "site"))
        made = Repository.create(folder / "template")
        dvc(made, "init", "-q")
        (folder / "elsewhere.csv").write_text("from elsewhere\n")
        made.write("raw.csv", "a\n1\n")
        made.write("images/a", "pixels")
        made.write("images/b", "more pixels")
        made.write("dvc.yaml", PIPELINE)
        made.write("params.yaml", "depth: 1\n")
        dvc(made, "add", "-q", "raw.csv", "images")
        dvc(made, "import-url", "-q", str(folder / "elsewhere.csv"), "imported.csv")
        made.commit("Start")
        made.git("tag", "untrained")
        dvc(made, "repro", "-q", "report")
        yield made


@pytest.fixture
def trained(template: Repository, tmp_path: Path) -> Repository:
    """A copy of it, as the run left it."""
    return Repository(Path(shutil.copytree(template.root, tmp_path / "trained")))


def inputs_at(repository: Repository, revision: str) -> Inputs:
    tree = Git.open(repository.root).tree(revision)
    return find_inputs(tree, directory="", pipeline="dvc.yaml", target="train", environment="")


def test_the_digest_outlives_training_cloning_and_missing_data(trained: Repository, tmp_path: Path) -> None:
    before = inputs_at(trained, "untrained")
    assert sorted(before.sources) == ["images", "imported.csv", "raw.csv"]
    assert all(name.startswith("md5:") for name in before.sources.values())
    assert "?? dvc.lock" in trained.git("status", "--porcelain")
    assert trained.digest() == before.digest, "running it leaves dvc.lock, outputs and .gitignore files"
    trained.commit("Train")
    assert trained.digest() == before.digest
    clone = tmp_path / "clone"
    trained.git("clone", "-q", str(trained.root), str(clone))
    assert not (clone / "raw.csv").exists()
    assert Repository(clone).digest() == before.digest
    replace(trained, "raw.csv", "a\n2\n")
    assert trained.digest() == before.digest, "data is what its .dvc file says"
    dvc(trained, "add", "-q", "raw.csv")
    assert trained.digest() != before.digest


def replace(repository: Repository, path: str, content: str) -> None:
    """DVC's files may be links into its cache: never write through them."""
    (repository.root / path).unlink()
    repository.write(path, content)


def test_a_frozen_stage_is_what_it_wrote(trained: Repository) -> None:
    dvc(trained, "freeze", "clean")
    frozen = trained.inputs()
    assert frozen.sources["clean.csv"].startswith("md5:")
    assert "raw.csv" not in frozen.sources
    assert frozen.digest != inputs_at(trained, "untrained").digest
    replace(trained, "raw.csv.dvc", (trained.root / "raw.csv.dvc").read_text().replace("md5: ", "md5: 0"))
    assert trained.digest() == frozen.digest


def test_the_same_stages_are_reached_in_an_order_that_can_be_run(
    trained: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained.root)
    assert_same_reach(trained)
    dvc(trained, "freeze", "clean", "fetched")
    assert_same_reach(trained)


def assert_same_reach(repository: Repository) -> None:
    project = repository.project()
    for target in ("clean", "pictures", "fetched", "train", "report"):
        reached = reach(project, "dvc.yaml", target)
        names = [item.name for item in reached]
        assert sorted(names) == sorted(_dvc_reaches(repository, target))
        assert names[-1] == target
        for index, item in enumerate(reached):
            needed = {stage.name for dep in item.stage.deps for stage in project.producers("", dep)}
            assert item.stage.frozen or needed <= set(names[:index])


def _dvc_reaches(repository: Repository, target: str) -> list[str]:
    """The pipeline stages that `dvc repro target` would look at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dvc.repo import Repo
        from dvc.repo.reproduce import get_active_graph, plan_repro

        with Repo(str(repository.root)) as repo:
            graph = get_active_graph(repo.index.graph)
            return [
                str(stage.name) for stage in plan_repro(graph, repo.stage.collect(target)) if hasattr(stage, "name")
            ]
