"""The workflow files, unmodified, in a runner: from a pull request to what serves, and back."""

from __future__ import annotations

import pytest

from tests.e2e.toy import params
from tests.github.hub import Pull
from tests.runner.act import Run
from tests.runner.shop import Shop, configure

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200)]
GREEN = {"affected": "success", "judge": "success", "report": "success", "verdict": "success"}
LOOP = "mlops-ci/mlops-ci@v1"


def test_from_a_pull_request_to_what_serves(shop: Shop) -> None:
    first = red_then_green(shop)
    shipped = shop.pushed(shop.merge(first))
    assert shipped.jobs == {"ship": "success"}, shipped.text
    judged = shipped.step("ship", LOOP).outputs["model-digest"]
    assert shop.served() == {"staging": judged}

    (promotion,) = (pull for pull in shop.repo.pulls.values() if pull.branch == "mlops-ci/promote/toy/production")
    assert promotion.login == "github-actions[bot]"
    promoted = shop.pushed(shop.merge(promotion), "promote.yml")
    assert promoted.jobs == {"promote": "success"}, promoted.text
    assert shop.served() == {"staging": judged, "production": judged}

    newest = two_merges_in_a_row(shop)
    assert shop.served() == {"staging": newest, "production": judged}

    before = shop.repo.bare.tip("main")
    shop.person.git("revert", "--no-edit", "HEAD", "HEAD~1")
    shop.push("main")
    reverted = shop.pushed(before)
    assert reverted.jobs == {"ship": "success"}, reverted.text
    assert shop.served() == {"staging": judged, "production": judged}


def red_then_green(shop: Shop) -> Pull:
    """The first model's pull request, which asks for too much, and then for what can be had."""
    models = shop.folder / "models"
    configure(shop.person, models, least=0.99)
    shop.person.commit("Ask for too much")
    pull = shop.open("first", "Bring the first model")
    red = shop.pull_request(pull, "opened")
    assert red.jobs == GREEN | {"judge": "failure", "verdict": "failure"}, red.text
    assert red.step("judge", LOOP).exit == 10
    (error,) = (item for item in red.annotations if item["level"] == "error")
    assert (error["file"], error["message"]) == ("mlops.yaml", "roc_auc >= 0.99: roc_auc is 0.707134")
    (said,) = shop.comments(pull)
    assert "## ❌ toy: RED at evaluate" in said.body

    configure(shop.person, models)
    shop.person.commit("Ask for what can be had")
    shop.push("first")
    green = shop.pull_request(pull, "synchronize")
    assert green.jobs == GREEN | {"begun": "success"}, green.text
    assert list((shop.folder / "store").rglob("*.dir")), "the job pushed what it trained"
    (again,) = shop.comments(pull)
    assert again.id == said.id
    patched = [path for method, path, _ in shop.place.hub.faults.log if method == "PATCH"]
    assert patched == [f"/repos/acme/toy/issues/comments/{said.id}"] * 2, "that it is judged, and the verdict"
    assert "## ✅ toy: FIRST" in again.body
    return pull


def two_merges_in_a_row(shop: Shop) -> str:
    """Two pull requests merged before either is shipped: the schedule ships the newer, the run of the older comes last.

    The model digest of the newer one. The older one was judged in the merge queue alone.
    """
    changed(shop, "better", params("ab"))
    better = shop.open("better", "Try better")
    queued = shop.queued(better)
    assert queued.jobs == {"affected": "success", "judge": "success", "verdict": "success"}, queued.text
    assert queued.step("judge", LOOP).outputs["verdict"] == "better"
    assert shop.comments(better) == [], "nobody reviews a merge group"
    before = shop.merge(better)

    changed(shop, "near", params("ab", c=1.01))
    pull = shop.open("near", "Try near")
    run = shop.pull_request(pull, "opened")
    assert run.jobs == GREEN, run.text
    between, newest = shop.merge(pull), run.step("judge", LOOP).outputs["model-digest"]

    made_up = shop.reconciled()
    assert made_up.jobs == {"reconcile": "success"}, made_up.text
    assert "skipped: no environment has a 'canary'" in made_up.text
    assert "✓ toy staging: version 2" in made_up.text
    assert shop.served()["staging"] == newest
    older: Run = shop.pushed(before, at=between)
    assert older.jobs.keys() == {"ship"}
    return newest


def changed(shop: Shop, branch: str, parameters: str) -> None:
    """A branch with other parameters."""
    shop.person.branch(branch)
    shop.person.write("params.yaml", parameters)
    shop.person.commit(f"Try {branch}")
