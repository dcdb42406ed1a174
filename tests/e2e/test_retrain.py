"""The drift loop at the command line: drift, a pull request with newer data and a verdict, its merge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.paused import paused
from tests.e2e.person import Person
from tests.e2e.shop import flat
from tests.e2e.test_drift import window
from tests.e2e.toy import config, first_model, rows

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
BRANCH = "mlops-ci/retrain/toy"
EXTRA = """\
    drift: {current: 'production/*.csv', min_rows: 100, history: 4}
    retrain: {holdout: data/newest.csv, reviewers: [ann]}
"""


def dvc(person: Person, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *words], cwd=person.home, check=True, capture_output=True)


def begun(tmp_path: Path) -> Person:
    """The toy, whose training data DVC imports from elsewhere, shipped as version 1; then production drifts."""
    toy = first_model(tmp_path / "toy")
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.csv").write_text(rows(1500, seed=1))
    toy.git("rm", "-q", "--cached", "data/train.csv")
    (toy.home / "data/train.csv").unlink()
    dvc(toy, "remote", "add", "-d", "store", "../store")  # a relative path, which leads elsewhere from elsewhere
    dvc(toy, "import-url", str(source / "train.csv"), "data/train.csv")
    toy.write("data/newest.csv", rows(1200, seed=9))
    toy.write("mlops.yaml", config(sys.executable) + EXTRA)
    toy.write(".gitignore", "/model\n/production\n")
    toy.git("add", "-A", "data", "mlops.yaml", ".gitignore", ".dvc/config")
    toy.git("commit", "-qm", "Import the data, watch production")
    toy.mlops("pull-request")
    toy.git("add", "dvc.lock", "metrics.json")
    toy.git("commit", "-qm", "Keep what was trained")
    toy.merge("first")
    toy.mlops("merge")
    toy.write("production/2026-01.csv", window(600, 3))
    return toy


def drifts(toy: Person) -> None:
    toy.write("production/2026-02.csv", window(600, 5, 1.5))
    toy.write("production/2026-03.csv", window(600, 6, 1.5))
    toy.mlops("drift", expect=10)


def pulls(toy: Person) -> list[dict[str, object]]:
    child = toy.start("forge", "list", "--json")
    found: list[dict[str, object]] = json.loads(child.communicate(timeout=60)[0])
    return found


def test_drift_is_answered_merged_and_promoted(tmp_path: Path) -> None:
    toy = begun(tmp_path)
    try:
        assert "no drift result to go by" in flat(toy.mlops("retrain"))
        toy.mlops("drift")
        assert "no breach" in flat(toy.mlops("retrain"))
        drifts(toy)
        assert "nothing to train on" in flat(toy.mlops("retrain")), "the source holds what the base has"
        assert pulls(toy) == []

        (tmp_path / "source/train.csv").write_text(rows(1800, seed=7))
        before = toy.git("status", "--porcelain")
        killed_on_its_way(toy)
        said = flat(toy.mlops("retrain"))
        assert "#1" in said
        assert "refresh toy" not in said, "what was brought is not brought again"
        assert toy.git("status", "--porcelain") == before, "the checkout is left alone"
        (pull,) = pulls(toy)
        assert (pull["branch"], pull["state"], pull["draft"]) == (BRANCH, "open", False)
        assert toy.git("diff", "--name-only", f"main...{BRANCH}").split() == [
            "data/train.csv.dvc",
            "dvc.lock",
            "metrics.json",
        ]
        body = str(pull["body"])
        for text in ("non-inferior", "On the newest labelled rows", "production/2026-03.csv", "mlops-ci pull-request"):
            assert text in body

        refs = toy.git("for-each-ref")
        assert "answers these windows already" in flat(toy.mlops("retrain"))
        assert (toy.git("for-each-ref"), pulls(toy)) == (refs, [pull])

        toy.mlops("forge", "merge", "1")
        said = flat(toy.mlops("merge"))
        assert "version 2" in said
        assert "which is no longer the champion" in flat(toy.mlops("retrain"))
    finally:
        toy.mlops("serve", "stop", "--all")


def killed_on_its_way(toy: Person) -> None:
    """After the data came, after the training was kept, and between the push and the pull request."""
    for step in (
        "before mlops_ci.cli.train:stage_function",
        "before mlops_ci.cli.evaluate:stage_function",
        "before mlops_ci.backends.local_forge.forge:LocalForge.open",
    ):
        with paused(toy, step, "retrain"):
            assert pulls(toy) == []
    record = (toy.home / ".mlops/retrain/toy/tree/data/train.csv.dvc").read_text()
    digest = record.rpartition("- md5: ")[2].split()[0]
    store = toy.home.parent / "store/files/md5"
    assert (store / digest[:2] / digest[2:]).exists(), "the data is at the remote before there is a pull request"
