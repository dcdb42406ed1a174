"""What DVC's lines mean: which stage runs, was restored or failed, what is missing, and what is only chatter."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence

SHOWN_LINES = 20
LONGEST_SHOWN = 500
RUNNING = re.compile(r"^Running stage '([^']+)'")
RESTORED = re.compile(r"^Stage '([^']+)' is cached|^Stage '([^']+)' didn't change")
# Advice for people at DVC's own command line: nobody has to commit dvc.lock here, and we push ourselves.
CHATTER = re.compile(
    r"|To track the changes with git, run:|\tgit add .*|To enable auto staging, run:|\tdvc config core\.autostage true"
    r"|Use `dvc push` to send your updates to remote storage\.|(?:Updating|Generating) lock file '.*'"
)
MISSING = "Checkout failed for following targets:"
UNSAVED = "Can't remove the following unsaved files without confirmation."


class Heard:
    """Keeps every line of a DVC command, and passes on what is worth reading."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        if not CHATTER.fullmatch(line):
            self.say(line)

    @property
    def missing(self) -> list[str]:
        """The files that could not be checked out because nothing has their content."""
        return list(_after(self.lines, MISSING))

    @property
    def unsaved(self) -> list[str]:
        """The files that DVC would not replace, because their content is nowhere else."""
        return list(_after(self.lines, UNSAVED))

    @property
    def reason(self) -> str:
        """DVC's own words for what failed."""
        return _error(self.lines) or next((line for line in reversed(self.lines) if line.strip()), "no reason given")


class Watch:
    """Reads `dvc repro`: `stages` maps a name to ran or cached; `last` are the last lines of the stage that runs."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.stages: dict[str, str] = {}
        self.current = ""
        self.last: deque[str] = deque(maxlen=SHOWN_LINES)
        self.failed = ""
        self.code = ""

    def __call__(self, line: str) -> None:
        if found := RUNNING.match(line):
            self.current = found.group(1)
            self.stages[self.current] = "ran"
            self.last.clear()
        elif found := RESTORED.match(line):
            self.stages[found.group(1) or found.group(2)] = "cached"
        elif found := re.match(r"ERROR: failed to reproduce '([^']+)'", line):
            self.failed = found.group(1)
            code = re.search(r"exited with (-?\d+)", line)
            self.code = code.group(1) if code else ""
        elif not CHATTER.fullmatch(line):
            self.last.append(line[:LONGEST_SHOWN])
        if not CHATTER.fullmatch(line):
            self.say(line)

    def failure(self, tail: Sequence[str]) -> str:
        """What failed, in one line; '' where DVC does not say."""
        text = "\n".join(tail)
        if "Unable to acquire lock" in text or "is busy" in text:
            return "another DVC process is at work in this repository"
        if not self.failed:
            return _error(tail)
        if self.code:
            return f"stage '{self.failed}' failed with exit {self.code}"
        why = _error(tail).partition(f"failed to reproduce '{self.failed}'")[2].removeprefix(":").strip()
        return f"stage '{self.failed}' failed" + (f": {why}" if why else "")


def _error(lines: Sequence[str]) -> str:
    return next((line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")), "")


def _after(lines: Sequence[str], header: str) -> Iterator[str]:
    """The lines of a list that DVC prints under a header."""
    found = False
    for line in lines:
        if found and (not line.strip() or line.startswith(("Is your", "<", "ERROR", "WARNING"))):
            return
        if found:
            yield line
        found = found or header in line
