"""Run probes side by side, each within its time; what breaks one of them is a line of its own.

A probe runs in a thread that nobody waits for longer than it may take: what hangs in a library can't be ended, and is
left behind. So a probe changes nothing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from mlops_ci.errors import MlopsError
from mlops_ci.io import clock
from mlops_ci.records.doctor import Finding
from mlops_ci.stages.doctor.findings import error, of_error, warning

SECONDS = 10.0
LONGEST = 400  # characters of a message from outside
HIDDEN = "***"
# Tokens of GitHub's, JSON web tokens, and what stands before the host in a URL.
TOKENS = re.compile(r"\b(gh[a-z]_|github_pat_)\w+|\beyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One look. `group` and `name` say at what, where it breaks; `seconds` is what it may take. An `online` one needs
    more than this machine."""

    group: str
    name: str
    look: Callable[[], Iterable[Finding]]
    online: bool = False
    seconds: float = SECONDS


def examine(probes: Sequence[Probe], *, secrets: Sequence[str] = ()) -> tuple[Finding, ...]:
    """What all probes found, in their order. No text of it holds any of the secrets."""
    found: list[tuple[Finding, ...] | None] = [None] * len(probes)

    def run(index: int) -> None:
        found[index] = _looked(probes[index])

    started = clock.stopwatch()
    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(probes))]
    for thread in threads:
        thread.start()
    for thread, probe in zip(threads, probes, strict=True):
        thread.join(max(0.0, started + probe.seconds - clock.stopwatch()))
    lines: list[Finding] = []
    for result, probe in zip(tuple(found), probes, strict=True):
        lines += (_late(probe),) if result is None else result
    return tuple(_clean(item, secrets) for item in lines)


def exit_code(found: Iterable[Finding]) -> int:
    """2 where something is set up wrong, else 3 where a back end is silent, else 0."""
    errors = [item for item in found if item.level.value == "error"]
    if any(not item.silent for item in errors):
        return 2
    return 3 if errors else 0


def _looked(probe: Probe) -> tuple[Finding, ...]:
    """All that it found, and last what broke it."""
    found: list[Finding] = []
    try:
        found.extend(probe.look())
    except MlopsError as raised:
        found.append(of_error(probe.group, probe.name, raised))
    except Exception as bug:
        text = f"could not be looked at: {type(bug).__name__}: {bug}"
        found.append(warning(probe.group, probe.name, text, "this is a bug in mlops-ci: please report it"))
    return tuple(found)


def _late(probe: Probe) -> Finding:
    message = f"no answer within {probe.seconds:g} s"
    if not probe.online:
        return warning(probe.group, probe.name, message, "is this machine busy? run doctor again")
    return error(probe.group, probe.name, message, "is it up, and can this machine reach it?", silent=True)


def _clean(item: Finding, secrets: Sequence[str]) -> Finding:
    return replace(item, message=_hidden(item.message, secrets), cure=_hidden(item.cure, secrets))


def _hidden(text: str, secrets: Sequence[str]) -> str:
    """The text on one line, without any of the secrets or what looks like one, and without control characters."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    line = "".join(one if one.isprintable() else " " for one in TOKENS.sub(HIDDEN, text))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
