"""What `mlops-ci init` shows: the diff, what is there already, what is left to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

import click

from mlops_ci.records.setting_up import Draft, Setup
from mlops_ci.stages.init.workflows import BASES

COLORS = {"+": "green", "-": "red", "@": "cyan"}


def diff(drafts: Iterable[Draft]) -> Iterator[str]:
    """Every change, as git shows it; a base is the same as its workflow, and one line."""
    for draft in drafts:
        if draft.path.startswith(f"{BASES}/"):
            yield click.style(f"+++ b/{draft.path}  (the same, for 'init --upgrade' to merge against)", bold=True)
            continue
        before = "" if draft.before is None else draft.before
        old = "/dev/null" if draft.before is None else f"a/{draft.path}"
        lines = difflib.unified_diff(
            before.splitlines(), draft.text.splitlines(), old, f"b/{draft.path}", lineterm="", n=2
        )
        yield from (_colored(line) for line in lines)


def _colored(line: str) -> str:
    if line.startswith(("---", "+++")):
        return click.style(line, bold=True)
    return click.style(line, fg=COLORS[line[0]]) if line[:1] in COLORS else line


def standing(setup: Setup) -> Iterator[str]:
    """What was left alone, and why."""
    for path in setup.present:
        yield f"{path}: as it should be"
    for path, why in setup.differing.items():
        yield f"{path}: {why}"


def outcome(setup: Setup, *, write: bool) -> str:
    """How many files it was, or why none."""
    if not setup.drafts:
        return "nothing was written" if setup.differing else "everything is in place; nothing was written"
    files = f"{len(setup.drafts)} file{'s' if len(setup.drafts) > 1 else ''}"
    return f"{files} written" if write else f"{files} would be written"


def left_to_do(advice: Sequence[str], *, width: int) -> Iterator[str]:
    """What only a person can do, numbered; lines to copy stand as they have to be."""
    if advice:
        yield ""
        yield "left to do:"
    for number, item in enumerate(advice, 1):
        first, *rest = item.splitlines()
        yield from wrap(
            first,
            width,
            initial_indent=f"{number:>3}. ",
            subsequent_indent="     ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from rest


def document(setup: Setup, *, written: bool, conflicts: Mapping[str, Sequence[int]]) -> dict[str, object]:
    """The same for programs."""
    return {
        "written": written,
        "files": [{"path": draft.path, "change": draft.kind} for draft in setup.drafts],
        "present": list(setup.present),
        "differing": dict(setup.differing),
        "conflicts": {path: list(lines) for path, lines in conflicts.items()},
        "advice": list(setup.advice),
    }
