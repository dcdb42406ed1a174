"""A workflow's runs and what they hand over, as the forge tells them: nothing here is from a run's own hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WorkflowRun:
    """One run. `head` is the full SHA of the branch's tip, `repository` (owner/name) where the branch is,
    '' where that was deleted; `event` is what started it, `conclusion` how it ended (`success`, `failure`, …), ''
    where it goes on."""

    number: int
    event: str
    head: str
    branch: str
    repository: str
    conclusion: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A zip that a run handed over; `size` in bytes. Its name and all of its content are the run's own."""

    number: int
    name: str
    size: int
    expired: bool = False
