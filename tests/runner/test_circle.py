"""The circle, by workflow files as a user has them: drift, the pull request that answers it, its merge, what serves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.e2e.test_drift import window
from tests.e2e.test_retrain import dvc
from tests.e2e.toy import config, rows
from tests.github import events
from tests.runner.shop import VALIDATE, Shop

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]


def test_drift_is_answered_merged_and_served(shop: Shop) -> None:
    released(shop)
    champion = shop.served()["production"]
    for name, seed in (("02", 5), ("03", 6)):
        produced(shop.folder / f"production/2026-{name}.csv", window(600, seed, 1.5))
    produced(shop.folder / "source/train.csv", rows(1800, seed=7))
    payload = events.schedule(shop.place.server, shop.repo, "23 4 * * *")

    watched = shop.run("schedule", payload, "drift.yml", shop.repo.bare.tip("main"))
    assert watched.jobs == {"drift": "failure"}, watched.text
    assert watched.step("drift", "drift").exit == 10
    proposed = watched.step("drift", "retrain")
    assert (proposed.result, proposed.outputs["verdict"]) == ("success", "non-inferior"), proposed.log
    (pull,) = shop.repo.pulls.values()
    assert (pull.branch, pull.login, pull.draft) == ("mlops-ci/retrain/toy", "github-actions[bot]", False)
    for text in ("2026-03.csv", "How the challenger was judged", "GitHub starts no workflow"):
        assert text in str(pull.body)

    shipped = shop.pushed(shop.merge(pull))
    assert shipped.jobs == {"ship": "success"}, shipped.text
    assert shop.served() == {"production": proposed.outputs["model-digest"]}
    assert shop.served()["production"] != champion
    assert f"Retrain toy: drift in a, prediction (#{pull.number})" in shop.person.git("log", "-1", "--format=%s")


def released(shop: Shop) -> None:
    """A first model in production, judged and shipped on a laptop. DVC imports its training data from elsewhere."""
    person, folder = shop.person, shop.folder
    produced(folder / "source/train.csv", rows(1500, seed=1))
    produced(folder / "production/2026-01.csv", window(600, 3))
    dvc(person, "remove", "data/train.csv.dvc")
    (person.home / "data/train.csv").unlink()
    dvc(person, "import-url", str(folder / "source/train.csv"), "data/train.csv")
    text = (
        config(sys.executable).replace(VALIDATE, "").replace("target: train", "target: train, data: [data/train.csv]")
    )
    uri = '"${MLFLOW_TRACKING_URI:-sqlite:///.mlops/mlflow.db}"'
    tracking = f"tracking: {{uri: {uri}, artifacts: {(folder / 'models').as_uri()}}}\n"
    watch = f"    drift: {{current: '{folder}/production/*.csv', min_rows: 100, engine: duckdb}}\n"
    person.write("mlops.yaml", text.replace("version: 1\n", f"version: 1\n{tracking}") + watch)
    person.git("add", "-A", "data", "mlops.yaml", ".dvc/config")
    person.git("commit", "-qm", "Import the data, watch production")
    person.mlops("pull-request")
    person.git("add", "dvc.lock", "metrics.json")
    person.git("commit", "-qm", "Keep what was trained")
    person.merge("first")
    shop.push("main")
    person.mlops("merge")


def produced(path: Path, text: str) -> None:
    """A file that is there, or is another one now, outside of any checkout."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
