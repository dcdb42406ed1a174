"""Tell reviewers where a release is deployed, as it happens: begun, serving, failed, gone.

It is told beside, and never stops a deployment: what can't be told is a line in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from mlops_ci.errors import MlopsError, StaleError
from mlops_ci.ports.reviewing import Reviewing
from mlops_ci.ports.say import Say
from mlops_ci.records.canary import Canary, Outcome
from mlops_ci.records.codec import decode
from mlops_ci.records.models import Release
from mlops_ci.records.plans import Action
from mlops_ci.records.results import StageResult
from mlops_ci.records.reviewing import Deployed, DeployState
from mlops_ci.records.serving import DeploymentDetails
from mlops_ci.stages.deploy import Plan


@dataclass(frozen=True, kw_only=True)
class Board:
    """Where it is told; without `reviewing` nowhere. `place` names the environment there, and the model too where the
    repository has several; `commit` is the one that is deployed now, `log_url` the run's page."""

    reviewing: Callable[[], Reviewing | None]
    place: str
    commit: str
    log_url: str = ""

    def begin(self, planned: Plan, *, say: Say) -> None:
        """That it begins; of a plan of which nothing is left to do, nothing."""
        if planned.step.action is Action.DO:
            self._tell(planned.release, DeployState.IN_PROGRESS, "begins", say=say)

    def end(self, result: StageResult, *, canary: bool, say: Say) -> None:
        """That it serves, or has a share of the traffic. What was told already is not told again."""
        details = decode(DeploymentDetails, result.details)
        state = DeployState.IN_PROGRESS if canary else DeployState.SUCCESS
        words = "is a canary" if canary else "serves"
        self._tell(details.release, state, words, url=details.url, say=say)

    def fail(self, release: Release, error: MlopsError, *, say: Say) -> None:
        """That it failed, and what served before serves on; one that came too late never took its turn."""
        state = DeployState.INACTIVE if isinstance(error, StaleError) else DeployState.FAILURE
        self._tell(release, state, str(error), say=say)

    def canary(self, canary: Canary, *, say: Say) -> None:
        """What became of a canary, once something did."""
        if canary.outcome is Outcome.PROMOTED:
            self._tell(canary.release, DeployState.SUCCESS, "serves", say=say)
        elif canary.outcome is Outcome.ROLLED_BACK:
            self._tell(canary.release, DeployState.FAILURE, "was rolled back", say=say)

    def gone(self, *, say: Say) -> None:
        """That nothing serves any more."""
        self._guarded(lambda reviewing: self._inactive(reviewing), say)

    def _inactive(self, reviewing: Reviewing) -> None:
        latest = reviewing.latest(self.place)
        if latest is not None and latest.state is not DeployState.INACTIVE:
            reviewing.deployed(replace(latest, state=DeployState.INACTIVE, description="nothing serves here any more"))

    def _tell(self, release: Release, state: DeployState, words: str, *, url: str = "", say: Say) -> None:
        self._guarded(lambda reviewing: self._turn(reviewing, release, state, words, url), say)

    def _turn(self, reviewing: Reviewing, release: Release, state: DeployState, words: str, url: str) -> None:
        """One turn of the newest record where that is of this release, else of a new one of this commit."""
        latest, facts = reviewing.latest(self.place), facts_of(release)
        ours = latest if latest is not None and dict(latest.facts) == facts else None
        if ours is not None and ours.state is state and ours.url == (url or ours.url):
            return
        if ours is not None and ours.state is DeployState.INACTIVE:
            ours = None  # it served, went, and comes again
        if ours is None and state is DeployState.INACTIVE:
            return
        made = Deployed(
            environment=self.place,
            commit=ours.commit if ours is not None else self.commit,
            state=state,
            description=f"version {release.version} {words}",
            url=url or (ours.url if ours is not None else ""),
            log_url=self.log_url,
            facts=facts,
        )
        reviewing.deployed(made)

    def _guarded(self, tell: Callable[[Reviewing], None], say: Say) -> None:
        try:
            if (reviewing := self.reviewing()) is not None:
                tell(reviewing)
        except MlopsError as error:
            say(f"warning: the deployment is not recorded: {error}")


def facts_of(release: Release) -> Mapping[str, str]:
    """What names a release, and where it comes from."""
    facts = {
        "model": release.model,
        "version": release.version,
        "model_digest": release.model_digest,
        "inputs_digest": release.inputs_digest,
        "image": release.image_reference,
        "run_id": release.run_id,
        "commit": release.commit,
    }
    return {name: value for name, value in facts.items() if value}
