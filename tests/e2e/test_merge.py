"""After the merge: what was judged is served, promoted and taken back, by real servers, and nothing is ever trained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.person import Person
from tests.e2e.shop import ask, flat, served, two_environments

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
DOWN = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


@pytest.fixture
def shop(toy: Person) -> Iterator[Person]:
    """The toy with two environments; whatever it serves is stopped at the end."""
    two_environments(toy)
    yield toy
    toy.mlops("serve", "stop", "--all")


def judged(shop: Person, branch: str) -> None:
    """Judge the branch at hand and merge it."""
    shop.mlops("pull-request")
    shop.merge(branch)


def test_from_a_merge_to_production_and_back(shop: Person) -> None:
    judged(shop, "first")
    planned = flat(shop.mlops("merge", "--dry-run"))
    assert "register: do: register model" in planned
    assert "deploy-staging: do: serve version (next)" in planned
    assert not (shop.home / ".mlops/serving").exists(), "a plan does nothing"

    shop.mlops("merge")
    first = shop.result("toy", "register")["details"]["model_digest"]
    staging = served(shop, "staging")
    assert ask(staging["url"]) == (first, 200)
    assert shop.result("toy", "deploy-staging")["details"]["smoke_rows"] == 8
    assert "Promote toy version 1 to production" in flat(shop.mlops("forge", "list"))

    again = flat(shop.mlops("merge"))
    assert "serves already" in again
    assert "unchanged" in again
    assert served(shop, "staging")["since"] == staging["since"]

    shop.mlops("forge", "approve", "1")
    shop.mlops("forge", "merge", "1")
    shop.mlops("merge")
    production = served(shop, "production")
    assert ask(production["url"]) == (first, 200)

    shop.branch("better")
    shop.write("params.yaml", "C: 1.0\nfeatures: [a, b]\n")
    shop.commit("Use b as well")
    judged(shop, "better")
    assert shop.result("toy", "evaluate")["details"]["verdict"] == "better", "production's champion was there to beat"
    shop.mlops("merge")
    second = shop.result("toy", "register")["details"]["model_digest"]
    assert second != first
    assert ask(staging["url"]) == (second, 200), "at the same address"
    assert ask(production["url"]) == (first, 200)
    assert "Promote toy version 2 to production" in flat(shop.mlops("forge", "list"))

    runs = len(shop.runs())
    shop.mlops("status")
    shop.mlops("forge", "approve", "2")
    shop.mlops("forge", "merge", "2")
    said = flat(shop.mlops("status", expect=10))
    assert "version 2 should serve, and version 1 does" in said
    assert "mend it: mlops-ci merge" in said
    shop.mlops("merge")
    assert ask(production["url"]) == (second, 200)

    assert "#3 opened" in flat(shop.mlops("rollback", "--environment", "production"))
    shop.mlops("forge", "merge", "3")
    said = flat(shop.mlops("merge"))
    assert ask(production["url"]) == (first, 200), "rolled back"
    assert "version 2 was taken back from production" in said
    assert flat(shop.mlops("forge", "list")) == "no pull requests are open"
    shop.mlops("promote", "--environment", "production", "--release", "2")
    assert "Promote toy version 2 to production" in flat(shop.mlops("forge", "list"))
    shop.mlops("status")

    better = shop.git("log", "--format=%H", "--grep", "Merge better")
    shop.git("revert", "--no-edit", better)
    (shop.home / ".mlops/mlflow.db").rename(shop.home / ".mlops/gone.db")
    said = flat(Person(shop.home, DOWN).mlops("merge"))
    (shop.home / ".mlops/gone.db").rename(shop.home / ".mlops/mlflow.db")
    assert "serve again version 1" in said
    assert "not moved, run the same command again later" in said
    assert ask(staging["url"]) == (first, 200), "taken back with the tracking server down"
    shop.mlops("merge")
    shop.mlops("status")
    assert len(shop.runs()) == runs, "nothing was trained"


def test_what_nobody_judged_is_not_shipped(shop: Person) -> None:
    assert "is not on main: only what was merged is shipped" in flat(shop.mlops("merge", expect=2))
    shop.git("checkout", "-q", "main")
    shop.git("merge", "-q", "first")
    said = flat(shop.mlops("merge", expect=11))
    assert "nothing was trained with the inputs of this commit" in said
    assert not (shop.home / ".mlops/serving").exists()


def test_a_release_that_fails_its_smoke_leaves_the_old_one_serving(shop: Person) -> None:
    judged(shop, "first")
    shop.mlops("merge")
    staging = served(shop, "staging")
    first = ask(staging["url"])
    shop.branch("next")
    shop.write("params.yaml", "C: 1.0\nfeatures: [a, b]\n")
    shop.commit("Use b as well")
    judged(shop, "next")
    (smoke,) = [path for path in (shop.home / ".mlops/artifacts").rglob("smoke.json") if _newer(path, shop)]
    document = json.loads(smoke.read_text())
    document["predictions"] = [1 - value for value in document["predictions"]]
    smoke.write_text(json.dumps(document))
    said = flat(shop.mlops("merge", expect=10))
    assert "is not the one that was judged" in said
    assert "what served before serves on" in said
    assert ask(staging["url"]) == first


def _newer(path: Path, shop: Person) -> bool:
    """Whether a file belongs to the last run."""
    run: str = shop.result("toy", "evaluate")["details"]["candidate_run"]
    return run in path.parts


def test_a_stored_model_that_was_changed_is_not_served(shop: Person) -> None:
    judged(shop, "first")
    (model,) = (shop.home / ".mlops/artifacts").rglob("MLmodel")
    (model.parent / "one more").write_text("")
    said = flat(shop.mlops("merge", expect=11))
    assert "not the one that was judged" in said
    assert not (shop.home / ".mlops/serving/toy/staging/serving.json").exists()


def test_a_release_file_that_nobody_wrote_is_refused(shop: Person) -> None:
    judged(shop, "first")
    shop.mlops("merge")
    shop.mlops("forge", "merge", "1")
    assert "production asks for 1 approvals" in flat(shop.mlops("merge", expect=10))
    path = "releases/toy/production.yaml"
    shop.write(path, (shop.home / path).read_text().replace('version: "1"', 'version: "7"'))
    shop.commit("Edit it by hand")
    assert "names a release that nobody registered like this" in flat(shop.mlops("merge", expect=11))


def test_a_reverted_promotion_serves_nothing_and_rules_nobody_judged_by_ship_nothing(shop: Person) -> None:
    judged(shop, "first")
    shop.mlops("merge")
    shop.mlops("forge", "approve", "1")
    shop.mlops("forge", "merge", "1")
    shop.mlops("merge")
    assert ask(served(shop, "production")["url"])[1] == 200
    shop.git("revert", "--no-edit", "HEAD")
    assert "version 1 was taken back from production" in flat(shop.mlops("merge"))
    child = shop.start("serve", "ps", "--json")
    places = [item["environment"] for item in json.loads(child.communicate(timeout=60)[0])]
    assert places == ["staging"], "git names nothing for production any more"
    shop.mlops("status")

    shop.write("mlops.yaml", (shop.home / "mlops.yaml").read_text().replace("min: 0.6", "min: 0.61"))
    shop.commit("Ask for a little more")
    assert "have changed since this candidate was judged" in flat(shop.mlops("merge", expect=11))
    assert ask(served(shop, "staging")["url"])[1] == 200, "what was judged serves on"


def test_what_was_taken_back_at_once_does_not_come_back_by_itself(shop: Person) -> None:
    judged(shop, "first")
    shop.mlops("merge")
    staging = served(shop, "staging")["url"]
    first = ask(staging)
    shop.branch("better")
    shop.write("params.yaml", "C: 1.0\nfeatures: [a, b]\n")
    shop.commit("Use b as well")
    judged(shop, "better")
    shop.mlops("merge")
    assert ask(staging) != first
    said = flat(shop.mlops("rollback", "--environment", "staging", "--now"))
    assert "version 1 serves in staging" in said
    assert ask(staging) == first
    assert "was taken back here" in flat(shop.mlops("merge", expect=11))
    assert ask(staging) == first, "a rerun undoes nothing"
