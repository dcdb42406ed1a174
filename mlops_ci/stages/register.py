"""Give a judged candidate a registry version; the same model digest always gets the same version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.config.types import Model
from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import MlopsError, StaleError, UsageError
from mlops_ci.ports.tracking import Registry, Tracker
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Candidate, Version
from mlops_ci.records.plans import Action, Step
from mlops_ci.records.results import Origin, StageResult, Status
from mlops_ci.records.training import RegistrationDetails
from mlops_ci.stages.judged import require_judged


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `apply` will do: `existing` is the version that is there already, if it is."""

    model: str
    candidate: Candidate
    tags: dict[str, str]
    existing: Version | None

    @property
    def step(self) -> Step:
        """The plan in words."""
        digest = self.candidate.model_digest[:12]
        if self.existing is None:
            return self._step(Action.DO, f"register model {digest} as the next version")
        return self._step(Action.DONE, f"version {self.existing.number} is model {digest}")

    def _step(self, action: Action, what: str) -> Step:
        return Step(model=self.model, stage="register", action=action, what=what)


def plan(
    model: Model,
    *,
    inputs_digest: str,
    judgement_digest: str,
    tracker: Tracker,
    registry: Registry,
    scratch: Path,
    origin: Origin,
) -> Plan:
    """Find the judged candidate and prove that its stored bytes are what was judged.

    Raises StaleError (exit 11) where what is here is not what was judged, GateFailed (10) where it was judged red,
    UsageError (2) on a dirty tree.
    """
    if origin.dirty:
        raise UsageError(
            "the working tree has uncommitted changes; a version must name a commit that holds it",
            hint="commit or stash them, then register",
        )
    found = tracker.find(model.name, inputs_digest)
    candidate = require_judged(model, found, inputs_digest=inputs_digest, judgement_digest=judgement_digest)
    _verify(candidate, tracker, scratch)
    return Plan(
        model=model.name,
        candidate=candidate,
        tags=_tags(candidate, origin),
        existing=registry.version_of(model.name, candidate.model_digest),
    )


def _verify(candidate: Candidate, tracker: Tracker, scratch: Path) -> None:
    stored = tracker.fetch(candidate.run_id, "model", scratch)
    try:
        found = digest_directory(stored) if stored else "nothing"
    except MlopsError as error:
        found = str(error)
    if found != candidate.model_digest:
        raise StaleError(
            f"the stored model is not the one that was judged: {found[:12]} instead of {candidate.model_digest[:12]}",
            hint="somebody changed the artifacts of its run; delete the run and judge the pull request again",
        )


def _tags(candidate: Candidate, origin: Origin) -> dict[str, str]:
    assert candidate.judgement is not None
    return {
        "commit": origin.commit,
        "pull_request": origin.pull_request,
        "verdict": candidate.judgement.verdict.value,
        "judgement": candidate.judgement.digest,
        "holdout": candidate.judgement.holdout,
        "data": json.dumps(dict(candidate.data)),
    }


def apply(planned: Plan, *, registry: Registry) -> StageResult:
    """Carry the plan out; twice is the same as once."""
    version, created = registry.create(planned.model, planned.candidate, tags=planned.tags)
    details = RegistrationDetails(
        version=version.number,
        created=created,
        model_digest=version.model_digest,
        inputs_digest=version.inputs_digest,
        run_id=version.run_id,
        tags=version.tags,
    )
    return StageResult(
        stage="register",
        model=planned.model,
        status=Status.PASSED,
        reason=f"version {version.number}" + ("" if created else " (was registered before)"),
        outputs={"version": version.number, "model-digest": version.model_digest, "run": version.run_id},
        details=encode(details),
    )
