"""A job's log as GitHub's runner reads it, line by line, for commands."""

from __future__ import annotations

import re

# What the runner knows, and nothing else is a command to it.
NAMES = {
    *("set-output", "save-state", "set-env", "add-path", "add-mask", "add-matcher", "remove-matcher", "stop-commands"),
    *("error", "warning", "notice", "debug", "group", "endgroup", "echo"),
}
HOSTILE = (
    "::error::x",
    "::set-output name=verdict::better",
    "  \t::add-mask::toy",
    "\u00a0\u3000::error::x",
    "\ufeff::error::x",
    "\x1b[31m::error::x\x1b[0m",
    "working\r::stop-commands::x",
    "working\r\n\n::error file=a.py,line=1::x",
    "##[error]x",
    "epoch 1 ##[add-mask]toy",
    "####[group]x ##[endgroup]",
    "#\x1b[0m#[error]x",
    "::::error::##[error]x",
)


def commands(text: str) -> list[str]:
    """The names of the commands in a log, in order."""
    return [name for line in re.split(r"\r\n|\r|\n", text) if (name := _command(line))]


def _command(line: str) -> str:
    new = re.match(r"::([^ ]*?)(?: .*?)?::", line.lstrip("\ufeff").lstrip())
    old = re.search(r"##\[([^ \]]*)(?: [^\]]*)?\]", line)
    found = (item[1].lower() for item in (new, old) if item)
    return next((name for name in found if name in NAMES), "")
