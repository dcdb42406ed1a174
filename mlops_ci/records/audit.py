"""What served on a date: what git says of it, what the registry's journal says, and what is on record about it.

Times are ISO 8601 in UTC, '' where there is none or nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Known(str, Enum):
    """What a source knows of a moment."""

    RELEASE = "release"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Move:
    """One entry of an alias's journal: it named version `before` ('' for none), and `version` from `at` on."""

    environment: str
    at: str
    before: str
    version: str
    model_digest: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One source's word. `until` is when that ended, '' where it has not; `why` says why it is unknown, or more."""

    known: Known
    model_digest: str = ""
    version: str = ""
    since: str = ""
    until: str = ""
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Landing:
    """The commit that brought a release to the default branch. Who approved is told by its trailers, or by the note
    that a deployment left with the version; None is unknown."""

    commit: str
    at: str
    subject: str
    committer: str
    approved: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is on record about a model; None is unknown. `data` maps a path to its content's name."""

    run_id: str | None = None
    commit: str | None = None
    inputs_digest: str | None = None
    verdict: str | None = None
    judgement: str | None = None
    holdout: str | None = None
    data: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Audited:
    """One model in one environment at the moment `at`.

    `wanted` is git's word: what should have served. `served` is that of the registry's journal: which version the
    alias named, which moves when a new server was smoked. `facts` and `landing` are those of what served, or, where
    that is unknown, of what should have; None is unknown. `notes` are sentences on what does not fit.
    """

    model: str
    environment: str
    at: str
    wanted: Claim
    served: Claim
    landing: Landing | None = None
    facts: Facts | None = None
    notes: tuple[str, ...] = ()

    @property
    def answer(self) -> Claim:
        """What served, or, where that is unknown, what should have."""
        return self.wanted if self.served.known is Known.UNKNOWN else self.served
