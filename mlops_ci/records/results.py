"""What a stage hands on: checks, outputs, and the document that reports are rendered from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

RESULT_VERSION = 1


class Status(str, Enum):
    """How a stage or one check ended. A check that could not run is ERROR or SKIPPED, never PASSED."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"
    STALE = "stale"


class Severity(str, Enum):
    """What a check that did not pass does to its stage: turn it red, or only say so."""

    FAIL = "fail"
    WARN = "warn"


class Verdict(str, Enum):
    """The answer of a paired comparison with the champion; `first` where there is none and none is needed."""

    BETTER = "better"
    NON_INFERIOR = "non-inferior"
    INCONCLUSIVE = "inconclusive"
    WORSE = "worse"
    FIRST = "first"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question with an answer. `where` is `file:line` of what asked it; `override` the reason it was waived."""

    name: str
    status: Status
    severity: Severity = Severity.FAIL
    message: str = ""
    expected: str = ""
    observed: str = ""
    where: str = ""
    override: str = ""

    @property
    def red(self) -> bool:
        """True where this check turns its stage red: required, not waived, and anything but passed."""
        return self.status is not Status.PASSED and self.severity is Severity.FAIL and not self.override


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An error as a record, so that a report can tell it like the terminal did."""

    message: str
    hint: str = ""
    docs: str = ""
    where: str = ""
    exit_code: int = 1


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What the result is about: commit and base (full SHAs, '' if unknown), and whether the tree was dirty.

    `head` is the tip of the pull request's branch, where a workflow has checked out a merge of it.
    """

    commit: str = ""
    head: str = ""
    base: str = ""
    branch: str = ""
    pull_request: str = ""
    dirty: bool = False


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """One stage, one model. `details` is the stage's own record (records/<stage>.py), encoded. `seconds` are wall time,
    `cpu_seconds` what the stage and all that it started used of the processors."""

    stage: str
    model: str
    status: Status
    reason: str = ""
    checks: tuple[Check, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    origin: Origin = field(default_factory=Origin)
    started: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    tool: str = ""
    version: int = RESULT_VERSION

    @property
    def exit_code(self) -> int:
        """The process exit code this result asks for (design: 0, 3, 10, 11; an error brings its own)."""
        if self.status is Status.ERROR:
            return self.failure.exit_code if self.failure else 3
        return {Status.FAILED: 10, Status.STALE: 11}.get(self.status, 0)


def status_of(checks: Iterable[Check]) -> Status:
    """Fail closed: red as soon as one required check is anything but passed."""
    return Status.FAILED if any(check.red for check in checks) else Status.PASSED


def exit_code(results: Iterable[StageResult]) -> int:
    """The exit code of a run of several stages and models: the first error wins, then stale, then a failed gate."""
    codes = {result.exit_code for result in results} - {0}
    for code in (1, 2, 3, 130, 11, 10):
        if code in codes:
            return code
    return max(codes, default=0)
