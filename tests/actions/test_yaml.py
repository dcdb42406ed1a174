"""Every workflow and action, as a user has it, and what `init` writes for five repositories, is clean for four
checkers; and each checker sees what it is for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.actions import initialised
from tests.runner import checkers, parts
from tests.runner.checkers import OWN, Tree

Check = Callable[[Tree], str]
NAMES = ("zizmor", "actionlint", "check-jsonschema", "GitHub's parser")
# Checker → (what is put in place of what is there, words of what it must say then).
FAULTS = {
    "zizmor": (("\npermissions: {}\n", "\npermissions: write-all\n"), "excessive-permissions"),
    "actionlint": (("needs.affected.result", "needs.affected.resolt"), 'property "resolt" is not defined'),
    "check-jsonschema": (("runs-on: ubuntu-latest", "runs-at: ubuntu-latest"), "'runs-on' is a required property"),
    "GitHub's parser": (("stage: affected", "stagg: affected"), "Invalid action input 'stagg'"),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    folder = tmp_path_factory.mktemp("yaml")
    return initialised.add(Tree.copied(folder / "tree"), folder / "repositories")


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Check:
    """A checker by its name. Skips where it is not there, and says how to get it."""
    name: str = request.param
    if name in ("zizmor", "check-jsonschema"):
        if (found := checkers.program(name)) is None:
            pytest.skip(f"{name} is not installed; it needs Python 3.11 or newer and the group dev")
        return partial(checkers.zizmor, found) if name == "zizmor" else checkers.schema
    built, node = parts.home(os.environ), shutil.which("node")
    if missing := parts.missing(built):
        pytest.skip(f"{parts.COMMAND} has not been run: no {missing[0]}")
    if name == "actionlint":
        return partial(checkers.actionlint, parts.program(built, name))
    if node is None:
        pytest.skip("node is not installed, so GitHub's own parser can't be run")
    return partial(checkers.parser, node, parts.parser(built))


@pytest.mark.parametrize("check", NAMES, indirect=True)
def test_every_workflow_and_action_is_clean(check: Check, tree: Tree) -> None:
    assert tree.workflows
    assert check(tree) == ""


@pytest.mark.parametrize(("check", "name"), [(name, name) for name in NAMES], indirect=["check"])
def test_what_is_wrong_is_seen(check: Check, name: str, tmp_path: Path) -> None:
    tree = Tree.copied(tmp_path / "yaml")
    ((right, wrong), words) = FAULTS[name]
    path = tree.root / ".github/workflows/pull-request.yml"
    text = path.read_text("utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), "utf-8")
    assert words in check(tree)


def test_what_users_copy_is_pinned_as_init_pins_it(tree: Tree) -> None:
    texts = [(tree.root / name).read_text("utf-8") for name in tree.workflows]
    assert any(f"uses: {OWN}@{checkers.SHA} # v1.0.0\n" in text for text in texts)
    assert not any("@v1\n" in text for text in texts)


def test_init_wrote_what_there_is_to_check(tree: Tree) -> None:
    found = {
        kind: {name.rpartition("/")[2].removeprefix(f"{kind}-") for name in tree.workflows if f"/{kind}-" in name}
        for kind in initialised.KINDS
    }
    least = {"pull-request.yml", "publish.yml", "merge.yml"}
    assert found["script"] == found["pipeline"] == found["two"] == least
    assert found["everything"] == {f"{name}.yml" for name in initialised.ALL}
    assert found["taken"] == {"pull-request.yml", "models-publish.yml", "models-merge.yml"}
    texts = {name: (tree.root / name).read_text("utf-8") for name in tree.workflows}
    assert "branches: [trunk]\n" in texts[".github/workflows/pipeline-merge.yml"]
    assert 'branches: ["#1"]\n' in texts[".github/workflows/taken-models-merge.yml"].replace("'", '"')
