"""A pull request that affects no model, judged by the workflow that a user calls instead of copying it."""

from __future__ import annotations

import re

import pytest

from tests.runner.checkers import ROOT
from tests.runner.shop import Shop

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def caller(name: str) -> str:
    """The workflow that the header of a callable one tells its users to write."""
    text = (ROOT / ".github/workflows" / name).read_text("utf-8")
    (shown,) = re.findall(r"^#   jobs:\n(?:#.*\n)+", text, re.MULTILINE)
    on = (ROOT / "workflows" / name).read_text("utf-8").partition("\non:")[2].partition("\npermissions:")[0]
    return f"name: Models\non:{on}\npermissions: {{}}\n\n" + re.sub(r"^#   ", "", shown, flags=re.MULTILINE)


def test_a_called_workflow_says_at_once_that_nothing_is_affected(shop: Shop) -> None:
    person, faults = shop.person, shop.place.hub.faults
    person.merge("first")
    person.write(".github/workflows/pull-request.yml", caller("pull-request.yml"))
    person.commit("Call the workflow")
    person.git("push", "-q", "origin", "main")
    person.branch("words")
    person.write("README.md", "# toy, in other words\n")
    person.commit("Say it in other words")
    pull = shop.open("words", "Say it in other words")
    before = faults.writes()

    run = shop.pull_request(pull, "opened")
    assert run.exit == 0, run.text
    assert "judge" not in run.jobs
    assert run.jobs["affected"] == run.jobs["verdict"] == "success"
    told = run.step("affected", "affected").outputs
    assert (told["models"], told["skipped"]) == ("[]", "true")
    assert faults.writes() == before
    assert shop.comments(pull) == []
