"""What is installed here, and whether it is new enough for what the config asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlops_ci.records.doctor import Finding
from mlops_ci.stages.doctor.findings import error, ok

GROUP = "machine"


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program or library. `version` is '' where it is not there; `wanted` says what for, '' where nothing here needs
    it; `cure` is what brings it."""

    name: str
    version: str
    wanted: str
    cure: str
    least: tuple[int, ...] = ()


def judge(programs: Iterable[Program]) -> Iterator[Finding]:
    """A line for each that is missing or too old, and one for all the others."""
    fine = []
    for one in programs:
        if not one.version and one.wanted:
            yield error(GROUP, one.name, f"not installed; {one.wanted}", one.cure)
        elif one.version and one.wanted and numbers(one.version) < one.least:
            wanted = ".".join(map(str, one.least))
            yield error(GROUP, one.name, f"{one.version}, and {one.wanted} from {wanted} on", one.cure)
        elif one.version:
            fine.append(f"{one.name} {one.version}")
    if fine:
        yield ok(GROUP, "programs", ", ".join(fine))


def numbers(version: str) -> tuple[int, ...]:
    """(2, 39, 5) of `2.39.5` and of `git version 2.39.5 (Apple Git-154)`."""
    found = re.search(r"\d+(?:\.\d+)*", version)
    return tuple(int(word) for word in found[0].split(".")) if found else ()
