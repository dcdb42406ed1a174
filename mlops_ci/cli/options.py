"""The options that every command shares, and how they are told from the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from mlops_ci.cli.console import Console, detect

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Common:
    """The shared options, parsed."""

    config: Path
    models: tuple[str, ...]
    all_models: bool
    base: str
    json: bool
    quiet: bool

    def console(self) -> Console:
        return detect(os.environ, quiet=self.quiet, json=self.json)


_OUTPUT = (
    click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."),
    click.option("--quiet", "-q", is_flag=True, help="Print errors only."),
    click.option("--json", "json", is_flag=True, help="Print the result document on stdout, all else on stderr."),
)
_CONFIG = (
    click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("mlops.yaml"),
        show_default=True,
        help="The config file.",
    ),
)
_MODEL = (
    click.option("--model", "-m", "models", multiple=True, metavar="NAME", help="Take this model only. Repeatable."),
)
_SELECTION = (
    click.option("--base", default="", metavar="REV", help="Compare with this revision. [default: the merge base]"),
    click.option("--all", "all_models", is_flag=True, help="Take every model, affected or not."),
    *_MODEL,
)


def _apply(function: Function, options: tuple[Callable[[Any], Any], ...]) -> Function:
    for option in options:
        function = option(function)
    return function


def output_options(function: Function) -> Function:
    """--json, --quiet, --debug."""
    return _apply(function, _OUTPUT)


def config_options(function: Function) -> Function:
    """The output options and --config."""
    return _apply(function, _OUTPUT + _CONFIG)


def model_options(function: Function) -> Function:
    """The output options, --config and --model: for commands that compare with no base."""
    return _apply(function, _OUTPUT + _CONFIG + _MODEL)


def common_options(function: Function) -> Function:
    """All shared options."""
    return _apply(function, _OUTPUT + _CONFIG + _SELECTION)


def common(options: dict[str, Any]) -> Common:
    """Take the shared options out of a command's keyword arguments."""
    return Common(
        config=options.pop("config"),
        models=options.pop("models", ()),
        all_models=options.pop("all_models", False),
        base=options.pop("base", ""),
        json=options.pop("json"),
        quiet=options.pop("quiet"),
    )


def model_names(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """A JSON list of model names; None for nothing at all, as a step that did not run hands it on."""
    from mlops_ci.config.release_file import NAME

    if value is None or not value.strip():
        return None
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(item, str) and NAME.fullmatch(item) for item in found):
        raise click.BadParameter("""it is no JSON list of model names, such as '["churn", "price"]'""")
    return tuple(dict.fromkeys(found))
