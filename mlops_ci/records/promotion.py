"""What the pull request of a promotion, or of a rollback, shows."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.records.evaluation import EvaluationDetails
from mlops_ci.records.models import Release


@dataclass(frozen=True, kw_only=True)
class Judged:
    """How a release was judged, as its run tells it. `details` is None where nobody can say; `reason` says why, and
    `later` that it may be known another time: what keeps it is down."""

    release: Release
    details: EvaluationDetails | None = None
    reason: str = ""
    later: bool = False


@dataclass(frozen=True, kw_only=True)
class PromotionFacts:
    """A release that serves in `source` and is proposed for `target`, where git names `current` now.

    `judged` is of the release, `judged_now` of `current`; both are None in a rollback, which needs no judgement.
    `proven_in` is where it has to serve before, `since` the moment (ISO 8601, UTC) since when it does, '' where it
    does not. `soak` and `approvals` are what is asked for, `approved` who has approved what is proposed. `restored`
    are the files that bring it back where the environment follows the default branch, and has no release file.
    """

    release: Release
    current: Release | None
    source: str
    target: str
    judged: Judged | None = None
    judged_now: Judged | None = None
    proven_in: str = ""
    since: str = ""
    soak: str = ""
    approvals: int = 0
    approved: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()

    @property
    def back(self) -> bool:
        """Whether this is a rollback: what served here before serves again."""
        return self.source == self.target
