"""Two commands side by side in one run: A B A B …, whole processes, so that a slow minute slows both.

The ratio is the median of the pairwise ratios; time is wall time, memory the largest process's resident peak.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Command = Sequence[str | Path]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One whole process: wall seconds, CPU seconds of it and its children, peak memory in MB, exit code."""

    seconds: float
    cpu: float
    memory_mb: float
    code: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. `target` is the ratio to reach, as text; `met` is None where there is none."""

    what: str
    ours: str
    against: str
    ratio: str
    target: str
    met: bool | None
    note: str = ""


def measure(command: Command, *, cwd: Path, env: Mapping[str, str] | None = None) -> Run:
    """Run a command once, output thrown away, and read the kernel's own account of it.

    Both sides may keep their bytecode, as on anybody's machine; a container often forbids it.
    """
    env = {key: value for key, value in (env or os.environ).items() if key != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    with subprocess.Popen(
        [str(word) for word in command], cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return Run(
        seconds=time.perf_counter() - started,
        cpu=usage.ru_utime + usage.ru_stime,
        memory_mb=usage.ru_maxrss * 1024 / 1e6,
        code=child.returncode,
    )


def pairs(
    ours: Command,
    against: Command,
    *,
    cwd: Path,
    runs: int = 5,
    warmup: int = 1,
    env: Mapping[str, str] | None = None,
    before_ours: Callable[[], None] = lambda: None,
    before_against: Callable[[], None] = lambda: None,
    codes: tuple[int, ...] = (0,),
) -> list[tuple[Run, Run]]:
    """Alternate the two commands and return the counted pairs. Raises RuntimeError where one exits unexpectedly."""
    found: list[tuple[Run, Run]] = []
    for index in range(warmup + runs):
        before_ours()
        mine = measure(ours, cwd=cwd, env=env)
        before_against()
        theirs = measure(against, cwd=cwd, env=env)
        for run, command in ((mine, ours), (theirs, against)):
            if run.code not in codes:
                raise RuntimeError(f"exit code {run.code}: {' '.join(map(str, command))}")
        if index >= warmup:
            found.append((mine, theirs))
    return found


def time_row(what: str, found: list[tuple[Run, Run]], *, against: str, at_most: float, note: str = "") -> Row:
    """The table's line for wall time."""
    ratio = statistics.median(mine.seconds / theirs.seconds for mine, theirs in found)
    mine, theirs = (statistics.median(run.seconds for run in side) for side in zip(*found, strict=True))
    return Row(
        what=what,
        ours=f"{mine:.3f} s",
        against=f"{against}: {theirs:.3f} s",
        ratio=f"{ratio:.2f}×",
        target=f"≤ {at_most:g}×",
        met=ratio <= at_most,
        note=note,
    )


def memory_row(what: str, found: list[tuple[Run, Run]], *, against: str, at_most: float, note: str = "") -> Row:
    """The table's line for peak memory."""
    ratio = statistics.median(mine.memory_mb / theirs.memory_mb for mine, theirs in found)
    mine, theirs = (statistics.median(run.memory_mb for run in side) for side in zip(*found, strict=True))
    return Row(
        what=what,
        ours=f"{mine:.0f} MB",
        against=f"{against}: {theirs:.0f} MB",
        ratio=f"{ratio:.2f}×",
        target=f"≤ {at_most:g}×",
        met=ratio <= at_most,
        note=note,
    )


def limit_row(what: str, value: float, *, unit: str, at_most: float, note: str = "") -> Row:
    """A line for a figure with an absolute limit."""
    return Row(
        what=what,
        ours=f"{value:.2f} {unit}",
        against="–",
        ratio="–",
        target=f"≤ {at_most:g} {unit}",
        met=value <= at_most,
        note=note,
    )


def table(rows: Sequence[Row]) -> str:
    """The lines as Markdown, misses shown as misses."""
    head = "| what | mlops-ci | against | ratio | must reach | reached | note |\n|---|---|---|---|---|---|---|"
    verdicts = {True: "yes", False: "**no**", None: "–"}
    lines = [
        f"| {r.what} | {r.ours} | {r.against} | {r.ratio} | {r.target} | {verdicts[r.met]} | {r.note} |" for r in rows
    ]
    return "\n".join([head, *lines])


def main(rows: Callable[[], Sequence[Row]]) -> None:
    """What each benchmark calls: measure, print, and write the rows for RESULTS.md where asked (`--rows FILE`)."""
    found = rows()
    print(table(found))
    if "--rows" in sys.argv:
        Path(sys.argv[sys.argv.index("--rows") + 1]).write_text(table(found).split("\n", 2)[2] + "\n", encoding="utf-8")
