"""The composite actions: thin, equal to their commands, and nothing in them that a runner would not understand."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from mlops_ci.cli.announce import OUTPUTS
from mlops_ci.cli.main import COMMANDS, variables

ROOT = Path(__file__).parents[2]
ACTIONS = sorted([ROOT / "action.yml", *ROOT.glob("actions/*/action.yml")])
WRITTEN = [path for path in ACTIONS if path.read_text("utf-8").startswith("# Written by script/docs")]


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return document


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_they_are_as_the_commands_are() -> None:
    done = subprocess.run([sys.executable, ROOT / "script/docs.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", ACTIONS, ids=names)
def test_every_input_is_described_used_and_there(path: Path) -> None:
    text, action = path.read_text("utf-8"), read(path)
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(action["inputs"]), "unknown inputs are empty, and nobody says so"
    assert all(item["description"].strip() for item in action["inputs"].values())
    assert all(item["description"].strip() for item in action.get("outputs", {}).values())


@pytest.mark.parametrize("path", ACTIONS, ids=names)
def test_no_expression_reaches_a_shell(path: Path) -> None:
    for step in read(path)["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert step.get("shell", "bash") == "bash"
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", f"a@{'0' * 40}")), "pinned by content"


@pytest.mark.parametrize("path", ACTIONS, ids=names)
def test_outputs_are_of_steps_that_are_there(path: Path) -> None:
    found = [step["id"] for step in read(path)["runs"]["steps"] if "id" in step]
    assert len(found) == len(set(found))
    assert set(re.findall(r"steps\.([\w-]+)\.", path.read_text("utf-8"))) <= set(found)


@pytest.mark.parametrize("path", WRITTEN, ids=names)
def test_outputs_are_those_that_the_command_line_writes(path: Path) -> None:
    assert list(read(path)["outputs"]) == list(OUTPUTS)


def test_the_root_s_action_offers_only_what_its_inputs_suffice_for() -> None:
    inputs = read(ROOT / "action.yml")["inputs"]
    offered = [word for name in ("run", "stage") for word in re.findall(r"[\w-]+(?=[,.])", inputs[name]["description"])]
    assert {"merge", "affected", "train", "publish"} <= set(offered)
    assert "deploy" not in offered
    for name in offered:
        command = import_module(f"mlops_ci.cli.{COMMANDS[name][0]}").command
        missing = {max(option.opts, key=len)[2:] for option in command.params if option.required} - set(inputs)
        assert not missing, name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_can_be_set_by_the_variable_of_its_name(name: str) -> None:
    group = click.Group("root", commands={name: import_module(f"mlops_ci.cli.{COMMANDS[name][0]}").command})
    command = group.commands[name]
    from mlops_ci.cli.main import name_variables

    name_variables(command, name)
    for option in command.params:
        if isinstance(option, click.Option):
            flag = max(option.opts, key=len)
            assert option.envvar == variables(name, flag)
            assert option.envvar[0] == f"MLOPS_CI_{name}_{flag[2:]}".upper().replace("-", "_")


def test_the_page_has_every_action() -> None:
    page = (ROOT / "docs/actions.md").read_text("utf-8")
    uses = {f"mlops-ci/mlops-ci/{path.parent.relative_to(ROOT).as_posix()}".removesuffix("/.") for path in ACTIONS}
    assert set(re.findall(r"^`uses: (\S+)@v1`$", page, re.M)) == uses
