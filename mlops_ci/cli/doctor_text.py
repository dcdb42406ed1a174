"""What `mlops-ci doctor` shows: one line each, its cure below it, and how many of what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

import click

from mlops_ci.records.codec import encode
from mlops_ci.records.doctor import Finding, Level

COLORS = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red"}
INDENT = " " * 10


def lines(found: Sequence[Finding], left_out: Sequence[str], *, width: int) -> Iterator[str]:
    """Under the name of each group, in the order in which they were found."""
    groups = list(dict.fromkeys(item.group for item in found))
    for group in groups:
        yield click.style(group, bold=True)
        for item in found:
            if item.group == group:
                yield from _finding(item, width)
        yield ""
    count = {level: sum(item.level is level for item in found) for level in Level}
    yield (
        f"{len(found)} looked at: {_many(count[Level.ERROR], 'error')}, {_many(count[Level.WARNING], 'warning')}"
        + (f"; not looked at (--offline): {', '.join(left_out)}" if left_out else "")
    )


def document(found: Sequence[Finding], left_out: Sequence[str]) -> dict[str, object]:
    """The same for programs."""
    return {"findings": [encode(item) for item in found], "not_looked_at": list(left_out)}


def _finding(item: Finding, width: int) -> Iterator[str]:
    word = click.style(f"{item.level.value:<8}", fg=COLORS[item.level])
    first, *rest = _wrapped(f"{item.name}: {item.message}", width)
    yield f"  {word}{first}"
    yield from (f"{INDENT}{line}" for line in rest)
    if item.cure:
        yield from (
            f"{INDENT}{mark}{line}" for mark, line in zip(_arrow(), _wrapped(item.cure, width - 2), strict=False)
        )


def _arrow() -> Iterator[str]:
    yield "→ "
    while True:
        yield "  "


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(text, width - len(INDENT), break_long_words=False, break_on_hyphens=False) or [""]


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
