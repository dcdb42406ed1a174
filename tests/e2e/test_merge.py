"""After the merge: what was judged is served, promoted and taken back, by real servers, and nothing is ever trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.person import Person
from tests.e2e.shop import DOWN, ask, flat, served, two_environments

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def judged(shop: Person, branch: str) -> None:
    """Judge the branch at hand and merge it."""
    shop.mlops("pull-request")
    shop.merge(branch)


def test_from_a_merge_to_production_and_back(fresh: Person) -> None:
    planned = flat(fresh.mlops("merge", "--dry-run"))
    assert "register: do: register model" in planned
    assert "deploy-staging: do: serve version (next)" in planned
    assert not (fresh.home / ".mlops/serving").exists(), "a plan does nothing"

    fresh.mlops("merge")
    first = fresh.result("toy", "register")["details"]["model_digest"]
    staging = served(fresh, "staging")
    assert ask(staging["url"]) == (first, 200)
    assert fresh.result("toy", "deploy-staging")["details"]["smoke_rows"] == 8
    assert "Promote toy version 1 to production" in flat(fresh.mlops("forge", "list"))

    again = flat(fresh.mlops("merge"))
    assert "serves already" in again
    assert "unchanged" in again
    assert served(fresh, "staging")["since"] == staging["since"]

    fresh.mlops("forge", "approve", "1")
    fresh.mlops("forge", "merge", "1")
    fresh.mlops("merge")
    production = served(fresh, "production")
    assert ask(production["url"]) == (first, 200)

    fresh.branch("better")
    fresh.write("params.yaml", "C: 1.0\nfeatures: [a, b]\n")
    fresh.commit("Use b as well")
    judged(fresh, "better")
    assert fresh.result("toy", "evaluate")["details"]["verdict"] == "better", "production's champion was there to beat"
    fresh.mlops("merge")
    second = fresh.result("toy", "register")["details"]["model_digest"]
    assert second != first
    assert ask(staging["url"]) == (second, 200), "at the same address"
    assert ask(production["url"]) == (first, 200)
    assert "Promote toy version 2 to production" in flat(fresh.mlops("forge", "list"))

    runs = len(fresh.runs())
    fresh.mlops("status")
    fresh.mlops("forge", "approve", "2")
    fresh.mlops("forge", "merge", "2")
    said = flat(fresh.mlops("status", expect=10))
    assert "version 2 should serve, and version 1 does" in said
    assert "mend it: mlops-ci merge" in said
    fresh.mlops("merge")
    assert ask(production["url"]) == (second, 200)

    assert "#3 opened" in flat(fresh.mlops("rollback", "--environment", "production"))
    fresh.mlops("forge", "merge", "3")
    said = flat(fresh.mlops("merge"))
    assert ask(production["url"]) == (first, 200), "rolled back"
    assert "version 2 was taken back from production" in said
    assert flat(fresh.mlops("forge", "list")) == "no pull requests are open"
    fresh.mlops("promote", "--environment", "production", "--release", "2")
    assert "Promote toy version 2 to production" in flat(fresh.mlops("forge", "list"))
    fresh.mlops("status")

    better = fresh.git("log", "--format=%H", "--grep", "Merge better")
    fresh.git("revert", "--no-edit", better)
    (fresh.home / ".mlops/mlflow.db").rename(fresh.home / ".mlops/gone.db")
    said = flat(Person(fresh.home, DOWN).mlops("merge"))
    (fresh.home / ".mlops/gone.db").rename(fresh.home / ".mlops/mlflow.db")
    assert "serve again version 1" in said
    assert "not moved, run the same command again later" in said
    assert ask(staging["url"]) == (first, 200), "taken back with the tracking server down"
    fresh.mlops("merge")
    fresh.mlops("status")
    assert len(fresh.runs()) == runs, "nothing was trained"


def test_what_nobody_judged_is_not_shipped(toy: Person) -> None:
    two_environments(toy)
    assert "is not on main: only what was merged is shipped" in flat(toy.mlops("merge", expect=2))
    toy.git("checkout", "-q", "main")
    toy.git("merge", "-q", "first")
    said = flat(toy.mlops("merge", expect=11))
    assert "nothing was trained with the inputs of this commit" in said
    assert not (toy.home / ".mlops/serving").exists()


def test_a_release_that_fails_its_smoke_leaves_the_old_one_serving(fresh: Person) -> None:
    fresh.mlops("merge")
    staging = served(fresh, "staging")
    first = ask(staging["url"])
    fresh.branch("next")
    fresh.write("params.yaml", "C: 1.0\nfeatures: [a, b]\n")
    fresh.commit("Use b as well")
    judged(fresh, "next")
    (smoke,) = [path for path in (fresh.home / ".mlops/artifacts").rglob("smoke.json") if _newer(path, fresh)]
    document = json.loads(smoke.read_text())
    document["predictions"] = [1 - value for value in document["predictions"]]
    smoke.write_text(json.dumps(document))
    said = flat(fresh.mlops("merge", expect=10))
    assert "is not the one that was judged" in said
    assert "what served before serves on" in said
    assert ask(staging["url"]) == first


def _newer(path: Path, shop: Person) -> bool:
    """Whether a file belongs to the last run."""
    run: str = shop.result("toy", "evaluate")["details"]["candidate_run"]
    return run in path.parts


def test_a_stored_model_that_was_changed_is_not_served(fresh: Person) -> None:
    (model,) = (fresh.home / ".mlops/artifacts").rglob("MLmodel")
    (model.parent / "one more").write_text("")
    said = flat(fresh.mlops("merge", expect=11))
    assert "not the one that was judged" in said
    assert not (fresh.home / ".mlops/serving/toy/staging/serving.json").exists()


def test_a_release_file_that_nobody_wrote_is_refused(fresh: Person) -> None:
    fresh.mlops("merge")
    fresh.mlops("forge", "merge", "1")
    assert "production asks for 1 approvals" in flat(fresh.mlops("merge", expect=10))
    path = "releases/toy/production.yaml"
    fresh.write(path, (fresh.home / path).read_text().replace('version: "1"', 'version: "7"'))
    fresh.commit("Edit it by hand")
    assert f"{path}:13: the file was changed by hand" in flat(fresh.mlops("merge", expect=2))


def test_a_reverted_promotion_serves_nothing_and_rules_nobody_judged_by_ship_nothing(fresh: Person) -> None:
    fresh.mlops("merge")
    fresh.mlops("forge", "approve", "1")
    fresh.mlops("forge", "merge", "1")
    fresh.mlops("merge")
    assert ask(served(fresh, "production")["url"])[1] == 200
    fresh.git("revert", "--no-edit", "HEAD")
    assert "version 1 was taken back from production" in flat(fresh.mlops("merge"))
    child = fresh.start("serve", "ps", "--json")
    places = [item["environment"] for item in json.loads(child.communicate(timeout=60)[0])]
    assert places == ["staging"], "git names nothing for production any more"
    fresh.mlops("status")

    fresh.write("mlops.yaml", (fresh.home / "mlops.yaml").read_text().replace("min: 0.6", "min: 0.61"))
    fresh.commit("Ask for a little more")
    assert "have changed since this candidate was judged" in flat(fresh.mlops("merge", expect=11))
    assert ask(served(fresh, "staging")["url"])[1] == 200, "what was judged serves on"
