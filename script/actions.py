"""The composite actions: each one a thin shell over one command, its inputs the command's options."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import yaml

from mlops_ci.cli.announce import OUTPUTS
from mlops_ci.cli.main import COMMANDS, variables

ROOT = Path(__file__).parents[1]
STAGES = ("validate", "train", "evaluate", "report", "register", "build", "deploy", "promote", "publish")
NOT_INPUTS = ("--json", "--quiet", "--help", "--output", "--format")
NOTE = "# Written by script/docs from the command; edit that.\n"
FOLDER = {"description": "The folder to run in, from the workspace.", "required": False, "default": "."}
WHEELS = {"description": "A folder with the packages, instead of an index.", "required": False, "default": ""}
RUN = ("pull-request", "merge", "plan", "status")


def actions() -> dict[str, str]:
    """Path from the root → text of every action that is written from a command."""
    found = {f"actions/{name}/action.yml": stage(name) for name in STAGES}
    return {"action.yml": umbrella(), **found, "actions/canary/action.yml": stage("canary tick")}


def stage(name: str) -> str:
    """The action of one command."""
    options = options_of(name)
    inputs = {option_input(option): described(option) for option in options}
    env = {variables(name, long(option))[0]: f"${{{{ inputs.{option_input(option)} }}}}" for option in options}
    help_ = command_of(name).get_short_help_str(limit=1000)
    return document(f"mlops-ci {name}", help_, inputs, env, f'"$GITHUB_ACTION_PATH/../../bin/mlops-ci" {name}')


def umbrella() -> str:
    """The action in the root: one loop, or one command by name."""
    inputs: dict[str, Any] = {
        "run": {
            "description": f"The loop to run: {', '.join(RUN)}.",
            "required": False,
            "default": "",
        },
        "stage": {
            "description": f"One stage instead: {', '.join(STAGES)}.",
            "required": False,
            "default": "",
        },
    }
    shared = [option for option in options_of("merge") if variables("merge", long(option))[1:]]
    inputs.update({option_input(option): described(option) for option in shared})
    env = {variables("merge", long(option))[1]: f"${{{{ inputs.{option_input(option)} }}}}" for option in shared}
    env["MLOPS_CI_RUN"] = "${{ inputs.run || inputs.stage }}"
    text = "GitOps for machine learning: judge models in pull requests, ship what was reviewed."
    return document("mlops-ci", text, inputs, env, '"$GITHUB_ACTION_PATH/bin/mlops-ci" "$MLOPS_CI_RUN"')


def document(name: str, description: str, inputs: Mapping[str, Any], env: Mapping[str, str], run: str) -> str:
    """A composite action of one step."""
    env = {**env, "MLOPS_CI_WHEELHOUSE": "${{ inputs.wheelhouse }}"}
    step = {
        "id": "run",
        "shell": "bash",
        "working-directory": "${{ inputs.working-directory }}",
        "env": dict(env),
        "run": run,
    }
    content = {
        "name": name,
        "description": description,
        "inputs": {**inputs, "working-directory": FOLDER, "wheelhouse": WHEELS},
        "outputs": {
            key: {"description": text, "value": f"${{{{ steps.run.outputs.{key} }}}}"} for key, text in OUTPUTS.items()
        },
        "runs": {"using": "composite", "steps": [step]},
    }
    return NOTE + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def options_of(name: str) -> list[click.Option]:
    """The options of a command that are inputs of its action, the shared ones last."""
    found = [
        item for item in command_of(name).params if isinstance(item, click.Option) and long(item) not in NOT_INPUTS
    ]
    return sorted(found, key=lambda item: len(variables(name, long(item))))


def command_of(name: str) -> click.Command:
    """A command, or one of a group: `canary tick`."""
    word, _, below = name.partition(" ")
    command: click.Command = import_module(f"mlops_ci.cli.{COMMANDS[word][0]}").command
    return command.commands[below] if below and isinstance(command, click.Group) else command


def long(option: click.Option) -> str:
    """`--model` of `--model/-m`."""
    return max(option.opts, key=len)


def option_input(option: click.Option) -> str:
    """The input's name: the option's."""
    return long(option)[2:]


def described(option: click.Option) -> dict[str, Any]:
    """An input. Left empty it is not set, and the command's own default holds."""
    text = str(option.help)
    if option.show_default and option.default is not None:
        text += f" [default: {option.default}]"
    if option.is_flag:
        text += " `true` or `false`."
    if option.multiple:
        text = text.replace(" Repeatable.", " Several with spaces between.")
    return {"description": text, "required": bool(option.required), "default": ""}
