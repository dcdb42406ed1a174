"""Processes that a test started, and what they started."""

from __future__ import annotations

import subprocess
from pathlib import Path


def until(child: subprocess.Popen[str], words: str, *, answer: bool = False) -> None:
    """Read the child's progress, or its answer, up to the line with these words."""
    said = child.stdout if answer else child.stderr
    assert said is not None
    for line in said:
        if words in line:
            return
    raise AssertionError(f"the run ended without saying {words!r}")


def working_in(folder: Path) -> list[int]:
    """Processes that still work in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve().is_relative_to(folder):
                found.append(int(process.name))
        except OSError:
            continue
    return found
