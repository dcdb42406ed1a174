"""Commands as a user would run them; Ctrl-C lets them end by themselves before the demo does."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 20.0  # seconds that an interrupted command has to take back what it began


def run(
    words: Sequence[str], *, folder: Path, quiet: bool = False, environ: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """(exit code, what it printed where it is to be quiet). Its output goes to the terminal otherwise. `environ` comes
    on top of ours."""
    child = subprocess.Popen(
        words,
        cwd=folder,
        env={**os.environ, **(environ or {})},
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
    )
    try:
        said, _ = child.communicate()
    except KeyboardInterrupt:
        let_end(child)
        raise
    return child.returncode, said or ""


def let_end(child: subprocess.Popen[str]) -> None:
    """A terminal has interrupted the command, too; where somebody interrupted the demo alone, it is told now."""
    for word in (None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if word is not None:
            child.send_signal(word)
        try:
            child.wait(PATIENCE if word == signal.SIGINT else PATIENCE / 4)
            return
        except subprocess.TimeoutExpired:
            continue
