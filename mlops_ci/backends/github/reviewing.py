"""What reviewers see at GitHub; each concern is a file in `github/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.checks import Checks
from mlops_ci.backends.github.deployments import Deployments
from mlops_ci.backends.github.pulls import Pulls
from mlops_ci.backends.github.verdicts import Verdicts
from mlops_ci.errors import BackendError
from mlops_ci.records.reviewing import CheckRun, Deployed


@dataclass(frozen=True)
class GitHubReviewing:
    """Keeps the `Reviewing` port for one repository at GitHub."""

    api: Api

    def head(self, number: int) -> str:
        return str(Pulls(self.api).raw(number)["head"]["sha"])

    def verdict(
        self, number: int, body: str, *, marker: str, head: str, fresh: bool = True, fingerprint: str = ""
    ) -> bool | None:
        verdicts = Verdicts(self.api)
        return verdicts.write(number, body, marker=marker, head=head, fresh=fresh, fingerprint=fingerprint)

    def begun(self, number: int, note: str, *, marker: str, head: str) -> bool | None:
        return Verdicts(self.api).begin(number, note, marker=marker, head=head)

    def checks(self, runs: Sequence[CheckRun]) -> Sequence[str | BackendError]:
        return Checks(self.api).show(runs)

    def deployed(self, deployed: Deployed) -> None:
        Deployments(self.api).record(deployed)

    def latest(self, environment: str) -> Deployed | None:
        return Deployments(self.api).latest(environment)
