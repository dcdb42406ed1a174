"""Workflow commands, with everything that came from outside escaped as GitHub's runner expects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST = 10  # annotations of one kind that GitHub shows of a step


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
