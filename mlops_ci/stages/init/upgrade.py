"""Bring newer workflows into edited ones: what the templates changed, and what a person changed, both."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mlops_ci.records.setting_up import Draft, Setup
from mlops_ci.stages.init.workflows import OURS, USES, base_of, base_text, place, read_base

Merge = Callable[[str, str, str], tuple[str, int]]
OPENING = "<<<<<<<"


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """What is to be written, and the lines of each file where both sides changed the same: `conflicts` by path."""

    setup: Setup
    conflicts: Mapping[str, tuple[int, ...]]


def upgrade(newer: Mapping[str, str], existing: Mapping[str, str], *, version: str, merge: Merge) -> Upgrade:
    """Merge the rendered templates `newer` into the files `existing`, all by name and path.

    A workflow that is not there is not brought: whoever deleted it meant it. One without a base is left as it is, and
    the differences are told. Raises RepositoryError where a base was edited.
    """
    found: list[Draft] = []
    present: list[str] = []
    differing: dict[str, str] = {}
    conflicts: dict[str, tuple[int, ...]] = {}
    for name, text in newer.items():
        path = place(name, existing)
        if path not in existing:
            continue
        if base_of(path) not in existing:
            differing[path] = _without_base(path, existing[path], text)
            continue
        _, base = read_base(base_of(path), existing[base_of(path)].encode("utf-8"))
        if base == text:
            present.append(path)
            continue
        merged, lines = _merged(existing[path], base, text, merge)
        if lines:
            conflicts[path] = lines
        if merged != existing[path]:
            found.append(Draft(path=path, text=merged, kind="merged", before=existing[path]))
        kept = base_text(text, version=version)
        found.append(Draft(path=base_of(path), text=kept, kind="merged", before=existing[base_of(path)]))
    setup = Setup(drafts=tuple(found), present=tuple(present), differing=differing)
    return Upgrade(setup=setup, conflicts=conflicts)


def _merged(mine: str, base: str, newer: str, merge: Merge) -> tuple[str, tuple[int, ...]]:
    """The merged text, and the lines where conflicts begin."""
    if mine == base:
        return newer, ()
    text, conflicts = merge(*aligned(mine, base, newer))
    if not conflicts:
        return text, ()
    return text, tuple(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(OPENING))


def aligned(mine: str, base: str, newer: str) -> tuple[str, str, str]:
    """The three with their pins out of the way, which bots move too: ours become the newer text's, others that nobody
    moved as well; one that was moved stays as it is."""
    pins = {found["name"]: found for found in USES.finditer(newer)}
    before = {found["name"]: found["ref"] for found in USES.finditer(base)}

    def moved(found: str, ref: str) -> bool:
        return not found.startswith(OURS) and ref != before.get(found)

    return _with_pins(mine, pins, moved), _with_pins(base, pins, lambda found, ref: False), newer


def _with_pins(text: str, pins: Mapping[str, re.Match[str]], keep: Callable[[str, str], bool]) -> str:
    def pinned(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in pins or keep(name, found["ref"]):
            return found[0]
        return f"{found['head']}{name}@{pins[name]['ref']}{pins[name]['note'] or ''}"

    return USES.sub(pinned, text)


def _without_base(path: str, mine: str, newer: str) -> str:
    """How a workflow that mlops-ci did not write differs from the newer one."""
    lines = list(difflib.unified_diff(mine.splitlines(), newer.splitlines(), path, "newer", lineterm="", n=1))
    if not lines:
        return (
            "it is the newest; nothing kept what it was made from, so a later upgrade can't merge: git rm it, then init"
        )
    return "\n".join(
        ["there is no base to merge against: take over by hand what you want, or git rm it and run init", *lines]
    )


def conflict_lines(conflicts: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    """One line a file: where it conflicts."""
    for path, lines in conflicts.items():
        yield f"{path}: {len(lines)} {'places' if len(lines) > 1 else 'place'}, from line {', '.join(map(str, lines))}"
