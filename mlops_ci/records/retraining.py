"""What a retraining asks, what it made, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_ci.records.results import StageResult


@dataclass(frozen=True, kw_only=True)
class DataChange:
    """A source of the model, before and after: content names, '' where it was not, or is not, there."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class Challenger:
    """A model of newer data. `files` are what a commit needs to make it the repository's; `evaluated` is the judgement
    that a merge goes by, `fresh` the one on the newest labelled rows. `brought` are the commands that brought the data;
    `remote` names where DVC keeps the data, '' for
    this machine alone."""

    base: str
    inputs_digest: str
    files: Mapping[str, bytes | None] = field(repr=False)
    changes: tuple[DataChange, ...]
    trained: StageResult
    evaluated: StageResult
    fresh: StageResult | None = None
    brought: tuple[str, ...] = ()
    remote: str = ""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RetrainFacts:
    """What the pull request tells. `draft` says why it is
    one, '' where it is none; `quiet` says that the forge starts no workflow for what is opened with this token."""

    model: str
    drift: StageResult
    challenger: Challenger
    branch: str
    draft: str = ""
    quiet: bool = False
