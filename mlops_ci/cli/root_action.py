"""What the action in the root hands over: the command by one of two inputs, and the options that most commands share.

It has the same inputs for every command. One that goes nowhere is refused, as the command line refuses an option that
is not there. Its step sets the variable of every shared option, an input that is not set to '', so what has a value
here was written as its input: a variable of the whole job never gets here.
"""

from __future__ import annotations

from collections.abc import Mapping

import click

RUN, STAGE = "MLOPS_CI_RUN", "MLOPS_CI_STAGE"
INPUTS = ("model", "all", "base", "config")  # every command has `debug`
OFF = ("", "false", "f", "0", "no", "n", "off")


def refusal(name: str, command: click.Command, environ: Mapping[str, str]) -> str:
    """Why this call of the action can't be meant; '' where it can, and for a call from elsewhere."""
    if RUN not in environ or STAGE not in environ or name not in (environ[RUN], environ[STAGE]):
        return ""
    if environ[RUN] and environ[STAGE]:
        return f"the input 'run' is '{environ[RUN]}' and 'stage' is '{environ[STAGE]}'; set one of them"
    known = {word for option in command.params for word in option.opts}
    for word in INPUTS:
        value = environ.get(f"MLOPS_CI_{word.upper()}", "").strip()
        off = word == "all" and value.lower() in OFF
        if value and not off and f"--{word}" not in known:
            return f"'{name}' has no option --{word}; leave the input '{word}' out"
    return ""
