"""Workflows as they are written into a repository, and merged with newer ones."""

from __future__ import annotations

import pytest

from mlops_ci.errors import RepositoryError
from mlops_ci.io.git_merge import merge_texts
from mlops_ci.stages.init import workflows
from mlops_ci.stages.init.upgrade import Upgrade, conflict_lines, upgrade

OLD_PIN, NEW_PIN = "a" * 40, "b" * 40
TEMPLATE = """\
name: Models
on:
  push:
    branches: [main]
jobs:
  judge:
    timeout-minutes: 60
    steps:
      - uses: actions/checkout@1111 # v5
      - uses: mlops-ci/mlops-ci@v1
        with:
          run: pull-request
      - uses: mlops-ci/mlops-ci/actions/report@v1 # the report
"""
NEWER = TEMPLATE.replace("checkout@1111 # v5", "checkout@2222 # v6") + "      - run: echo newer\n"
PATH, BASE = ".github/workflows/pr.yml", ".github/mlops-ci/pr.yml"


def rendered(template: str, pin: str) -> str:
    return workflows.rendered(template, pin=pin, version="v1.2.3", default_branch="main")


def written(mine: str, template: str = TEMPLATE) -> dict[str, str]:
    """A repository whose workflow was written from a template, and then became `mine`."""
    flow, base = workflows.drafts(rendered(template, OLD_PIN), PATH, version="1.0")
    return {PATH: mine or flow.text, BASE: base.text}


def upgraded(existing: dict[str, str], template: str = NEWER) -> Upgrade:
    newer = {"pr.yml": rendered(template, NEW_PIN)}
    return upgrade(newer, existing, version="2.0", merge=merge_texts)


def after(found: Upgrade) -> str:
    (text,) = [draft.text for draft in found.setup.drafts if draft.path == PATH]
    return text


def test_ours_are_pinned_and_others_stay() -> None:
    text = workflows.rendered(TEMPLATE, pin=NEW_PIN, version="v1.2.3", default_branch="trunk/1: x")
    assert f"uses: mlops-ci/mlops-ci@{NEW_PIN} # v1.2.3\n" in text
    assert f"uses: mlops-ci/mlops-ci/actions/report@{NEW_PIN} # v1.2.3\n" in text
    assert "actions/checkout@1111 # v5\n" in text
    assert 'branches: ["trunk/1: x"]' in text
    assert workflows.rendered(TEMPLATE, pin="", version="v1", default_branch="main") == TEMPLATE


def test_a_workflow_of_somebody_elses_keeps_its_name() -> None:
    assert workflows.place("pr.yml", {}) == PATH
    assert workflows.place("pr.yml", {PATH: TEMPLATE}) == PATH
    assert workflows.place("pr.yml", {PATH: "on: push\n"}) == ".github/workflows/models-pr.yml"


def test_only_what_has_something_to_do_is_wanted() -> None:
    every = dict.fromkeys(("pull-request.yml", "merge.yml", "publish.yml", "promote.yml", "drift.yml"), "")
    assert set(workflows.wanted(every, ())) == {"pull-request.yml", "merge.yml", "publish.yml"}
    assert "drift.yml" in workflows.wanted(every, ("drift",))
    assert "promote.yml" in workflows.wanted(every, ("promotion",))


def test_an_unedited_workflow_becomes_the_newer_one() -> None:
    found = upgraded(written(""))
    assert after(found) == rendered(NEWER, NEW_PIN)
    assert [draft.path for draft in found.setup.drafts] == [PATH, BASE]


def test_edits_stay_and_the_next_upgrade_finds_its_base() -> None:
    edited = rendered(TEMPLATE, OLD_PIN).replace("timeout-minutes: 60", "timeout-minutes: 90")
    found = upgraded(written(edited))
    assert after(found) == rendered(NEWER, NEW_PIN).replace("timeout-minutes: 60", "timeout-minutes: 90")
    existing = {draft.path: draft.text for draft in found.setup.drafts}
    again = upgraded(existing)
    assert again.setup.drafts == ()
    assert again.setup.present == (PATH,)
    third = upgraded(existing, NEWER + "      - run: echo third\n")
    assert "timeout-minutes: 90" in after(third)
    assert "echo third" in after(third)


def test_pins_that_a_bot_moved_are_no_conflict() -> None:
    bumped = rendered(TEMPLATE, OLD_PIN).replace("checkout@1111 # v5", "checkout@3333 # v7").replace(OLD_PIN, "c" * 40)
    found = upgraded(written(bumped))
    assert not found.conflicts
    assert after(found) == rendered(NEWER, NEW_PIN).replace("checkout@2222 # v6", "checkout@3333 # v7")


def test_a_conflict_is_told_with_its_line() -> None:
    edited = rendered(TEMPLATE, OLD_PIN).replace("timeout-minutes: 60", "timeout-minutes: 90")
    found = upgraded(written(edited), NEWER.replace("timeout-minutes: 60", "timeout-minutes: 30"))
    assert found.conflicts == {PATH: (7,)}
    assert list(conflict_lines(found.conflicts)) == [f"{PATH}: 1 place, from line 7"]
    assert "<<<<<<< yours\n    timeout-minutes: 90\n=======\n    timeout-minutes: 30\n>>>>>>> newer\n" in after(found)


def test_without_a_base_nothing_is_written_and_the_difference_shown() -> None:
    found = upgraded({PATH: TEMPLATE})
    assert found.setup.drafts == ()
    assert "+      - run: echo newer" in found.setup.differing[PATH]


def test_a_deleted_workflow_is_not_brought_back() -> None:
    assert upgraded({}).setup.drafts == ()


def test_an_edited_base_is_refused() -> None:
    existing = written("")
    existing[BASE] += "# mine\n"
    with pytest.raises(RepositoryError, match="not what mlops-ci init wrote"):
        upgraded(existing)
