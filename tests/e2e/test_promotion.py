"""What a promotion's pull request shows, that it is written once, and what production asks for."""

from __future__ import annotations

import json

import pytest

from tests.e2e.person import Person
from tests.e2e.shop import DOWN, ask, document, flat, served, two_environments
from tests.e2e.toy import params

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
FILE = "releases/toy/production.yaml"


def show(shop: Person) -> dict[str, str]:
    """The promotion's pull request."""
    pull: dict[str, str] = document(shop, "forge", "show", "1")["pull"]
    return pull


def test_it_shows_what_is_known_and_is_written_only_when_that_changes(shop: Person) -> None:
    shop.write("params.yaml", params("ab"))
    shop.commit("Use b as well")
    down = Person(shop.home, DOWN)
    assert "failed" in flat(down.mlops("merge", expect=3)), "what nobody registered waits for the tracking server"
    shop.mlops("register", "--model", "toy")
    down.mlops("deploy", "--environment", "staging", expect=3)
    shop.mlops("merge")
    pull = show(shop)
    assert pull["title"] == "Promote toy version 2 to production"
    body = pull["body"]
    assert "1,500 rows of data/holdout.csv" in body
    assert "against version 1" in body
    assert "| roc\\_auc | – | 0." in body
    assert f"| serves in staging | – | since {served(shop, 'staging')['since']} |" in body
    assert "| approvals | 1 | nobody's |" in body
    assert "`git revert` of the merge stops serving here" in body, "nothing served there before"

    assert "promote-production: already done: pull request #1 proposes version 2" in flat(shop.mlops("plan"))
    assert "#1 unchanged" in flat(shop.mlops("merge"))
    said = flat(down.mlops("merge"))
    assert "#1 unchanged" in said, "a server that is down is no reason to rewrite"
    assert "not moved, run the same command again later" in said
    assert show(shop) == pull

    shop.mlops("forge", "approve", "1")
    assert "#1 updated" in flat(shop.mlops("merge"))
    approved = show(shop)
    assert "| approvals | 1 | A Tester" in approved["body"]
    assert approved["head"] == pull["head"], "no commit that would take the approval away"
    assert "#1 unchanged" in flat(shop.mlops("merge"))


def test_production_waits_for_its_time_and_takes_no_file_that_is_another_models(shop: Person) -> None:
    two_environments(shop, "{min_soak: 12h}")
    shop.write("params.yaml", params("ab"))
    shop.commit("Use b as well")  # version 1 has been in production already, and may come back at any time
    shop.mlops("merge")
    assert "| serves in staging | 12h | since " in show(shop)["body"]
    shop.mlops("forge", "merge", "1")
    said = flat(shop.mlops("plan", expect=10))
    assert "deploy-production: blocked by: version 2 has served in staging only since" in said
    assert "12h are asked for" in flat(shop.mlops("merge", expect=10))

    noted = shop.home / ".mlops/serving/toy/staging/serving.json"
    document_ = json.loads(noted.read_text())
    noted.write_text(json.dumps({**document_, "since": "2020-01-01T00:00:00Z"}))
    shop.mlops("deploy", "--environment", "production")
    assert ask(served(shop, "production")["url"])[1] == 200

    good = (shop.home / FILE).read_text()
    for old, new, line in (('"toy"', '"other"', 2), ('"toy"', '"../../toy"', 2), ("verdict:", "verdikt:", 11)):
        shop.write(FILE, good.replace(old, new))
        shop.commit("Edit it by hand")
        assert f"{FILE}:{line}:" in flat(shop.mlops("merge", expect=2))
