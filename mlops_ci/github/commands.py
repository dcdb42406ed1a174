"""Workflow commands, with everything that came from outside escaped as GitHub's runner expects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST = 10  # annotations of one kind that GitHub shows of a step
# The runner takes `::name::` at a line's start, after any blanks, for a command, and `##[name]` anywhere in a line. \r
# ends a line, too. All that can't be seen counts as a blank here: some of it is dropped before lines are read.
BLANK = r"[\x00-\x09\x0b\x0c\x0e-\x20\x7f-\xa0\xad\u1680\u180e\u2000-\u200f\u2028\u2029\u202f\u205f-\u2064\u3000\ufeff]"
COMMAND = re.compile(rf"(?<![^\r\n]){BLANK}*:(?=:)|##(?=\[)")


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """A finding at a line of a file (from the root of the repository; line 0 and '' where it has no place)."""

    level: str  # error, warning or notice
    title: str
    message: str
    file: str = ""
    line: int = 0

    def command(self) -> str:
        """The command that makes it."""
        places = {"file": self.file, "line": str(self.line or ""), "title": self.title}
        words = ",".join(f"{name}={property_(value)}" for name, value in places.items() if value)
        return f"::{self.level} {words}::{escape(self.message)}"


def annotate(found: Sequence[Annotation]) -> Iterator[str]:
    """The commands of all levels; of more than ten of one level nine, and how many more there are."""
    for level in ("error", "warning", "notice"):
        own = [item for item in found if item.level == level]
        for item in own if len(own) <= MOST else own[: MOST - 1]:
            yield item.command()
        if len(own) > MOST:
            text = f"{len(own) - MOST + 1} more are in the report"
            yield Annotation(level=level, title="mlops-ci", message=text).command()


def group(title: str) -> str:
    """The command that opens a fold in the log."""
    return f"::group::{escape(title)}"


def end_group() -> str:
    """The command that closes it."""
    return "::endgroup::"


def escape(text: str) -> str:
    """Text as data of a workflow command: no line break can start another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def property_(text: str) -> str:
    """Text as a property of a workflow command."""
    return escape(text).replace(":", "%3A").replace(",", "%2C")


def harmless(text: str) -> str:
    """Lines from outside, none of which is a workflow command: a blank parts `: :` at a line's start, and `## [`.

    More text behind it changes nothing of what has been returned, so a line can be written in pieces.
    """
    return COMMAND.sub(lambda found: f"{found[0]} ", text)


def harmless_json(text: str) -> str:
    """JSON that says the same and has no workflow command in it. Only its strings can hold one."""
    return text.replace("##[", "#\\u0023[")
