"""What would be done, told before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Action(str, Enum):
    """What a plan says of a step."""

    DO = "do"
    DONE = "already done"
    SKIP = "skip"
    BLOCKED = "blocked by"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One stage of one model, planned. `exit_code` is what the stage would end with where it is blocked;
    `changes` are lines of a unified diff, where the target was asked what it would change."""

    model: str
    stage: str
    action: Action
    what: str
    exit_code: int = 0
    changes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The step in one line, e.g. `register: already done: version 3 is model 1f0a…`."""
        return f"{self.stage}: {self.action.value}: {self.what}"
