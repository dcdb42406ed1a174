"""A command that stops at a step, and waits there until a test has done its worst."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.person import Person

CHILD = """\
import sys
from importlib import import_module
from mlops_ci.cli import main

when, door, *words = sys.argv[1:]
module, _, path = door.partition(":")
holder, _, name = path.rpartition(".")
place = import_module(module)
place = getattr(place, holder) if holder else place
real = getattr(place, name)
passed = False

def wait():
    global passed
    if not passed:
        passed = True
        print("here", flush=True)
        sys.stdin.readline()

def guarded(*given, **named):
    if when == "before":
        wait()
    found = real(*given, **named)
    if when == "after":
        wait()
    return found

setattr(place, name, guarded)
sys.exit(main.run(words))
"""


@contextmanager
def paused(person: Person, step: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command of ours up to a step, `before module:Class.method` or `after …`, the first time it comes there.

    In the block it stands still; it is killed at the end of it unless it has gone on and ended.
    """
    when, door = step.split()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, when, door, *words],
        cwd=person.home,
        env={**os.environ, **person.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            if line != "here\n":
                out, err = child.communicate(timeout=300)
                raise AssertionError(f"{step} never came\n{line}{out}\n{err}")
            yield child
        finally:
            child.kill()


def go_on(child: subprocess.Popen[str], *, expect: int = 0) -> str:
    """Let it go on, and return all that it says on one line; its exit code must be `expect`."""
    out, err = child.communicate("go\n", timeout=300)
    assert child.returncode == expect, f"exit {child.returncode}, expected {expect}\n{out}\n{err}"
    assert "mlops_ci/cli/main.py" not in out + err, "a traceback of ours"
    return " ".join((out + err).split())
