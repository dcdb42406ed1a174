"""The workflow files, unmodified, in a runner: from a pull request to what serves."""

from __future__ import annotations

import pytest

from tests.runner.shop import Shop, prepare

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_from_a_pull_request_to_what_serves(shop: Shop) -> None:
    person = shop.person
    prepare(person, shop.folder / "models", least=0.99)
    person.commit("Ask for too much")
    pull = shop.open("first", "Bring the first model")
    red = shop.pull_request(pull, "opened")
    (shop.folder / "red.log").write_text(red.text)
    print(red.jobs, red.seconds, red.annotations, shop.comments(pull), shop.folder)
    prepare(person, shop.folder / "models")
    person.commit("Ask for what can be had")
    shop.push("first")
    red = shop.pull_request(pull, "synchronize")
    (shop.folder / "green.log").write_text(red.text)
    print(red.jobs, red.seconds, red.annotations, shop.comments(pull), shop.folder)
    assert 0
