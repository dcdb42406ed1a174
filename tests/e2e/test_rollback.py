"""An earlier release serves again: by a pull request, or at once, with no training and no judgement."""

from __future__ import annotations

import pytest

from tests.e2e.person import Person
from tests.e2e.shop import ask, document, flat, served
from tests.e2e.toy import params

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
STAGING = ("--environment", "staging")


def better(shop: Person) -> tuple[str, str]:
    """Merge the better model, which serves then: (staging's address, the model digest)."""
    shop.write("params.yaml", params("ab"))
    shop.commit("Use b as well (#2)")
    shop.mlops("merge")
    url = served(shop, "staging")["url"]
    return url, ask(url)[0]


def test_the_first_environment_goes_back_by_a_pull_request_that_is_kept_current(shop: Person) -> None:
    url, second = better(shop)
    runs = len(shop.runs())
    shop.write("README.md", "# toy\n\nLater work.\n")
    shop.commit("Write more")
    assert "#2 opened" in flat(shop.mlops("rollback", *STAGING))
    assert "#2 unchanged" in flat(shop.mlops("rollback", *STAGING))
    pull = document(shop, "forge", "show", "2")["pull"]
    assert pull["title"] == "Roll toy back to version 1 in staging instead of version 2"
    assert ": params.yaml." in pull["body"]
    assert shop.git("diff", "--name-only", "main", "mlops-ci/rollback/toy/staging") == "params.yaml"
    assert ask(url)[0] == second, "until it is merged"

    shop.mlops("forge", "merge", "2")
    assert (shop.home / "README.md").read_text().endswith("Later work.\n")
    said = flat(shop.mlops("merge"))
    assert "serve again version 1" in said
    first = ask(url)[0]
    assert first != second
    assert len(shop.runs()) == runs, "nothing was trained"
    said = flat(shop.mlops("rollback", *STAGING, expect=2))
    assert "no earlier version is known in staging: name one with --to versions: 2" in said
    assert "#3 opened" in flat(shop.mlops("rollback", *STAGING, "--to", "2"))
    assert "version 7 has never served in staging" in flat(shop.mlops("rollback", *STAGING, "--to", "7", expect=2))


def test_what_was_taken_back_at_once_stays_back_until_git_has_taken_it_back_and_brought_it_again(shop: Person) -> None:
    url, second = better(shop)
    said = flat(shop.mlops("rollback", *STAGING, "--now"))
    assert "version 1 serves in staging" in said
    assert "#2 opened" in said
    first = ask(url)[0]
    assert first != second
    assert "was taken back here" in flat(shop.mlops("merge", expect=11))
    assert "mend it: mlops-ci forge merge 2" in flat(shop.mlops("status", expect=10))
    said = flat(shop.mlops("rollback", *STAGING, "--now"))
    assert "serves already" in said, "twice is the same as once"
    assert "#2 unchanged" in said
    assert ask(url)[0] == first, "a rerun undoes nothing"
    assert "was taken back here" in flat(shop.mlops("merge", expect=11))
    assert "version 2 serves in staging" in flat(shop.mlops("rollback", *STAGING, "--to", "2", "--now"))
    assert ask(url)[0] == second, "by its name it comes again"
    shop.mlops("rollback", *STAGING, "--now")
    assert ask(url)[0] == first

    (pull,) = [item for item in document(shop, "forge", "list") if "rollback/toy/staging" in item["branch"]]
    shop.mlops("forge", "merge", str(pull["number"]))
    shop.mlops("merge")
    assert ask(url)[0] == first
    shop.git("revert", "--no-edit", "HEAD")
    shop.mlops("merge")
    assert ask(url)[0] == second, "git took it back, and brought it again"
