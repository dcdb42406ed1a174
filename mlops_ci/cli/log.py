"""A job's log: all that we write to it is text, but for our own workflow commands.

The runner reads both output streams for commands. So both are guarded as a whole: not only what commands say, but
errors of usage, tracebacks and what a library prints.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

import click

from mlops_ci.github.commands import BLANK, harmless

GUARDS: list[Guarded] = []  # of standard error, the newest last; what stands in sys.stderr a library may have wrapped
UNDECIDED = re.compile(rf"{BLANK}*:?")  # a line that may yet become a command `::`
BYTES = ("buffer", "detach")  # a way around the guard, which click takes where the encoding is ASCII


class Guarded:
    """A text stream whose lines are no workflow commands, in however many pieces they are written."""

    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath
        self.line = ""  # of the line that has not ended, what decides about the rest

    def write(self, text: str) -> int:
        """Write text; what would be a command is parted by a blank."""
        before, self.line = self.line, _deciding(self.line + text)
        self.beneath.write(harmless(before + text)[len(harmless(before)) :])
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write all of them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name in BYTES:
            raise AttributeError(name)
        return getattr(self.beneath, name)


def _deciding(text: str) -> str:
    line = text[max(text.rfind("\r"), text.rfind("\n")) + 1 :]
    return line if UNDECIDED.fullmatch(line) else f"x{line[-2:]}"


@contextmanager
def guarded() -> Iterator[None]:
    """Guard standard output and standard error meanwhile."""
    before = sys.stdout, sys.stderr
    out, err = (Guarded(stream) for stream in before)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    GUARDS.append(err)
    try:
        yield
    finally:
        GUARDS.remove(err)
        sys.stdout, sys.stderr = before


def command(line: str) -> None:
    """Write a workflow command of our own, made by `github.commands`, on a line of its own."""
    if not GUARDS:
        click.echo(line, err=True)
        return
    guard = GUARDS[-1]
    if guard.line:
        guard.write("\n")
    click.echo(line, file=guard.beneath)
