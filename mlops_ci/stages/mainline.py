"""Where the default branch stood at a moment, as far as clocks tell.

A commit's time is what somebody's clock said. A commit came after its parent, whatever the clocks say: so it landed
no earlier than the latest time told before it, if clocks ran slow, and no later than the earliest told after it, if
they ran fast. Where both readings give the same answer it is known; where they differ nobody can know.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import accumulate

from mlops_ci.io.git_mainline import Grown, clock


@dataclass(frozen=True)
class Mainline:
    """The commits of the default branch, the oldest first."""

    commits: tuple[Grown, ...]

    @cached_property
    def _readings(self) -> tuple[list[int], list[int]]:
        """The commits' times if slow clocks were the fault, and if fast ones were."""
        times = [commit.at for commit in self.commits]
        fast = list(accumulate(reversed(times), min))[::-1]
        return list(accumulate(times, max)), fast

    def counts(self, moment: datetime) -> tuple[int, int]:
        """How many commits had landed at the moment, at least and at most."""
        seconds = int(moment.timestamp())
        slow, fast = (bisect_right(reading, seconds) for reading in self._readings)
        return slow, fast

    def tips(self, moment: datetime) -> tuple[str, ...]:
        """Where it stood: one commit, or two where clocks disagree; '' is before the first commit of all."""
        found = (self.commits[count - 1].sha if count else "" for count in self.counts(moment))
        return tuple(dict.fromkeys(found))

    def last(self, changed: Collection[str], moment: datetime) -> tuple[Grown | None, ...]:
        """The latest of the `changed` commits that had landed, None for none; two where clocks disagree."""
        found = (
            next((commit for commit in reversed(self.commits[:count]) if commit.sha in changed), None)
            for count in self.counts(moment)
        )
        return tuple(dict.fromkeys(found))

    def after(self, commit: Grown | None, changed: Collection[str]) -> str:
        """When the next of the `changed` commits landed, '' where none has."""
        later = self.commits[self.commits.index(commit) + 1 :] if commit else self.commits
        return next((clock(item.at) for item in later if item.sha in changed), "")
