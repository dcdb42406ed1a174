"""What `mlops-ci init` shows: the diff, what is there already, what is left to do."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

import click

from mlops_ci.records.setting_up import Draft, Setup
from mlops_ci.report.clean import plain
from mlops_ci.stages.init.workflows import BASES, FOLDER

LONGEST = 2_000  # characters of a line of advice
FIRST = ("mlops.yaml", "dvc.yaml")
COLORS = {"+": "green", "-": "red", "@": "cyan"}


def diff(drafts: Iterable[Draft]) -> Iterator[str]:
    """Every change, as git shows it, what is to be read first at first; a base is the same as its workflow, and one
    line."""
    for draft in sorted(drafts, key=_rank):
        if draft.path.startswith(f"{BASES}/"):
            yield click.style(f"+++ b/{draft.path}  (the same, for 'init --upgrade' to merge against)", bold=True)
            continue
        before = "" if draft.before is None else draft.before
        old = "/dev/null" if draft.before is None else f"a/{draft.path}"
        lines = difflib.unified_diff(
            before.splitlines(), draft.text.splitlines(), old, f"b/{draft.path}", lineterm="", n=2
        )
        yield from (_colored(_visible(line)) for line in lines)


def _rank(draft: Draft) -> int:
    """What decides about the model, then the rest, then the long workflows."""
    if posixpath.basename(draft.path) in FIRST:
        return FIRST.index(posixpath.basename(draft.path))
    return len(FIRST) + draft.path.startswith((FOLDER, BASES))


def _visible(line: str) -> str:
    """A line of a file with what can't be seen, or would turn the terminal's text around, written out."""
    if line.isprintable():
        return line
    return "".join(letter if letter.isprintable() or letter == "\t" else f"\\u{ord(letter):04x}" for letter in line)


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
        first, *rest = (plain(line, longest=LONGEST) for line in item.split("\n"))
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
