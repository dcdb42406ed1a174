"""What a person sees on a real terminal, and what NO_COLOR and a pipe make of it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """\
import os, sys, time
from mlops_ci.cli.console import detect
console = detect(os.environ, quiet=False, json=False)
with console.step("train flights [1/2]") as say:
    for number in range(3):
        say(f"epoch {number} [bold]of[/bold] 3")
        time.sleep(0.3)
console.show("done")
"""
SPINNER, CLEAR, GREY = "⠋", "\x1b[2K", "\x1b[2m"


def seen(cwd: Path, **environ: str) -> str:
    """Everything the program writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environ}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=cwd, env=env, stdout=theirs, stderr=theirs, stdin=theirs
    ):
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:  # how Linux tells that the other side is closed
            pass
    os.close(ours)
    return said.decode()


def test_progress_is_redrawn_in_place(tmp_path: Path) -> None:
    said = seen(tmp_path)
    assert SPINNER in said
    assert CLEAR in said
    assert GREY in said
    assert "epoch 2 [bold]of[/bold] 3" in said, "a program's own output is shown as it is"
    assert said.rstrip().endswith("done")


def test_without_colour_progress_stays(tmp_path: Path) -> None:
    said = seen(tmp_path, NO_COLOR="1")
    assert SPINNER in said
    assert not re.search(r"\x1b\[(\d+;)*[349]\d", said), "a colour"


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"GITHUB_ACTIONS": "true"}])
def test_a_screen_that_cannot_redraw_gets_plain_lines(tmp_path: Path, environ: dict[str, str]) -> None:
    said = seen(tmp_path, **environ)
    assert "\x1b" not in said
    assert [line.strip() for line in said.splitlines() if "epoch" in line] == [
        f"epoch {n} [bold]of[/bold] 3" for n in range(3)
    ]
    assert ("::group::train flights [1/2]" in said) == ("GITHUB_ACTIONS" in environ)
