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
from mlops_ci.cli.root_action import RUN as RUN_VARIABLE
from mlops_ci.cli.root_action import STAGE as STAGE_VARIABLE

ROOT = Path(__file__).parents[1]
SHARED = ("model", "all", "base", "config", "debug", "working-directory", "wheelhouse")
STAGES = (
    *("validate", "train", "evaluate", "report", "register", "build", "deploy", "promote", "drift", "retrain"),
    "publish",
)
NOT_INPUTS = ("--json", "--quiet", "--help", "--output", "--format")
NOTE = "# Written by script/docs from the command; edit that.\n"
FOLDER = {"description": "The folder to run in, from the workspace.", "required": False, "default": "."}
WHEELS = {"description": "A folder with the packages, instead of an index.", "required": False, "default": ""}
INTRODUCTION = """\
Each action is a thin shell over one command of the [command line](cli.md): its inputs are the command's options, but
for those that choose what is printed (`--json`, `--quiet`, and `--format` and `--output` of `report`). An input that is
empty is not set. All run this very version of mlops-ci in an environment of its own, apart from yours and never on
`PATH`; [setup](#setup) caches it between jobs. They run on Linux and macOS, on GitHub's runners and your own, without
Docker, and need Python 3.10 to 3.13 and git. Variables of the command line work too, tokens and passwords come as
`env:`. How they go together: [Workflows](workflows.md).

The action in the root takes `run` or `stage`, not both, and the shared inputs alone: one that its command lacks is
refused. A command that needs more, such as `deploy` its environment, has an action of its own.

A step fails with the command's [exit code](errors.md); its output `passed` is `false` then, and the job's summary has
the error. Write a commit's SHA in place of `v1` to pin one.

## Inputs that actions share

{shared}"""
RUN = ("pull-request", "merge", "plan", "status", "drift", "retrain")


def actions() -> dict[str, str]:
    """Path from the root → text of every action that is written from a command."""
    found = {f"actions/{name}/action.yml": stage(name) for name in STAGES}
    return {"action.yml": umbrella(), **found, "actions/canary/action.yml": stage("canary tick")}


def page() -> str:
    """docs/actions.md: every action, as its action.yml has it."""
    files = {**actions(), "actions/setup/action.yml": (ROOT / "actions/setup/action.yml").read_text("utf-8")}
    first = ("action.yml", "actions/setup/action.yml")
    names = [*first, *sorted(files.keys() - set(first))]
    shared = shared_inputs()
    outputs = {name: {"description": text} for name, text in OUTPUTS.items()}
    parts = [
        "# Actions",
        "<!-- Written by script/docs from each action.yml; edit that. -->",
        INTRODUCTION.format(shared=rows("input", shared)),
        *(part for name in names for part in section(name, yaml.safe_load(files[name]), shared)),
        "## Outputs",
        "Of every action but `setup`. What is about one model is empty where there are several.",
        rows("output", outputs),
    ]
    return "\n\n".join(parts) + "\n"


def shared_inputs() -> dict[str, Any]:
    """Those that mean the same in every action that has them."""
    every = [yaml.safe_load(text)["inputs"] for text in actions().values()]
    return {name: next(inputs[name] for inputs in every if name in inputs) for name in SHARED}


def section(path: str, action: Mapping[str, Any], shared: Mapping[str, Any]) -> list[str]:
    """One action: what it does, how it is used, its inputs, and its outputs where they are its own."""
    folder = path.removesuffix("/action.yml").removesuffix("action.yml")
    uses = f"mlops-ci/mlops-ci{'/' if folder else ''}{folder}@v1"
    special = {name: item for name, item in action["inputs"].items() if item != shared.get(name)}
    parts = [f"## {folder.rpartition('/')[2] or 'mlops-ci'}", str(action["description"]), f"`uses: {uses}`"]
    if special:
        parts.append(rows("input", special))
    if other := [f"`{name}`" for name in action["inputs"] if name not in special]:
        parts.append(f"{'And' if special else 'Inputs'}, [as others](#inputs-that-actions-share): {', '.join(other)}.")
    if list(action["outputs"]) != list(OUTPUTS):
        parts.append(rows("output", action["outputs"]))
    return parts


def rows(what: str, items: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of inputs or outputs."""
    lines = [f"| {what} | |", "|---|---|"]
    for name, item in items.items():
        text = str(item["description"]) + (" **Required.**" if item.get("required") else "")
        lines.append(f"| `{name}` | {text} |".replace("\n", " "))
    return "\n".join(lines)


def stage(name: str) -> str:
    """The action of one command."""
    options = options_of(name)
    inputs = {option_input(option): described(option) for option in options}
    env = {variables(name, long(option))[0]: f"${{{{ inputs.{option_input(option)} }}}}" for option in options}
    help_ = command_of(name).get_short_help_str(limit=1000)
    return document(f"mlops-ci {name}", help_, inputs, env, f'"$GITHUB_ACTION_PATH/../../bin/mlops-ci" {name}')


def umbrella() -> str:
    """The action in the root: one loop, or one command by name, if that needs no more than the shared inputs."""
    alone = ["affected", *(name for name in STAGES if not needy(name))]
    inputs: dict[str, Any] = {
        "run": {
            "description": f"The loop to run: {', '.join(RUN)}.",
            "required": False,
            "default": "",
        },
        "stage": {
            "description": f"One stage instead: {', '.join(alone)}.",
            "required": False,
            "default": "",
        },
    }
    shared = [option for option in options_of("merge") if variables("merge", long(option))[1:]]
    inputs.update({option_input(option): described(option) for option in shared})
    env = {variables("merge", long(option))[1]: f"${{{{ inputs.{option_input(option)} }}}}" for option in shared}
    env |= {RUN_VARIABLE: "${{ inputs.run }}", STAGE_VARIABLE: "${{ inputs.stage }}"}
    text = "GitOps for machine learning: judge models in pull requests, ship what was reviewed."
    word = f"${{{RUN_VARIABLE}:-${STAGE_VARIABLE}}}"  # the command line refuses both
    return document("mlops-ci", text, inputs, env, f'"$GITHUB_ACTION_PATH/bin/mlops-ci" "{word}"')


def needy(name: str) -> bool:
    """Whether a command has an option that must be given: the action in the root has the shared ones alone."""
    return any(option.required for option in options_of(name))


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
