"""KServe's Knative mode with a canary: the new revision begins with no traffic, is smoked at an address of its own, and
gets its first share.

What *serves*, for the record and for `serving`, is the stable release until the canary is promoted. The canary's state
is in the record, beside it. Its revision stays the latest one of its InferenceService all the time: only
`canaryTrafficPercent` changes; a promotion removes it, and rolling back sets it to 0, which starts no pod.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_ci.backends.keeper.served_note import refuse, refused
from mlops_ci.backends.kserve import rollout as kserve_rollout
from mlops_ci.backends.kserve.kube_lease import Holding
from mlops_ci.backends.kserve.manifest import render
from mlops_ci.backends.kserve.record import Memory
from mlops_ci.backends.kserve.service import Service, difference
from mlops_ci.backends.kserve.target import Deploying, KserveTarget
from mlops_ci.config.canary import policy
from mlops_ci.config.types import Environment
from mlops_ci.errors import BackendError, StaleError
from mlops_ci.io import clock
from mlops_ci.ports.deploying import DeployJob
from mlops_ci.ports.say import Say
from mlops_ci.records.canary import Canary, Outcome
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.models import Release
from mlops_ci.records.serving import Serving

STATE = "canary"
TAG = "latest"  # what KServe calls the route to the latest revision alone
STEP = 0.5
DOCS = "canary.md"


class KserveCanaryTarget(KserveTarget):
    """Keeps the Deployer port and the CanaryTarget port for one environment with `canary:` in Knative mode."""

    def serving(self, model: str, environment: str) -> Serving | None:
        """The stable release where there is a canary beside it, or one was rolled back."""
        service = self._service(model, environment)
        canary, found = state(service.record.read()), service.read()
        if canary is None or canary.outcome is Outcome.PROMOTED or found is None:
            return super().serving(model, environment)
        return self._beside(service, canary, found)

    def canary(self, model: str, environment: str) -> Canary | None:
        """The state that the record holds."""
        return state(self._service(model, environment).record.read())

    def begins(self, release: Release, environment: str) -> Canary | None:
        """What deploying it would bring that the record does not hold."""
        service = self._service(release.model, environment)
        memory = service.record.read()
        then = self._then(memory, service.read(), release)
        return then if then is not None and then.running and then != state(memory) else None

    def deploy(self, job: DeployJob, *, say: Say) -> tuple[Serving, bool]:
        """Begin a canary where another release serves; everything else is a deployment like any other."""
        service = self._service(job.release.model, job.environment, job.options)
        with self._lease(service).held(say) as holding:
            begun = self._with_canary(service, job, holding, say)
        return begun or super().deploy(job, say=say)

    def shift(self, before: Canary, after: Canary, environment: str) -> None:
        """Traffic first, then the record: whoever is killed in between judges the former step again."""
        service = self._service(before.release.model, environment)
        with self._lease(service).held(lambda line: None) as holding:
            memory = service.record.read()
            if state(memory) != before:
                raise StaleError("another run has moved this canary meanwhile", hint="nothing was changed", docs=DOCS)
            _split(service, after, holding, lambda line: None)
            service.record.write(_recorded(service, memory, after))

    def _planned(self, service: Service, release: Release) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
        """With the share of traffic that deploying would give it, beside the share that there is now. Raises StaleError
        for what was taken back."""
        memory = service.record.read()
        _refuse_taken_back(service, memory, release)
        canary, then = state(memory), self._then(memory, service.read(), release)
        manifest = _manifest(service, then) if then else render(release, service.environment, service.options)
        return manifest, _manifest(service, canary) if canary else memory.manifest

    def _then(self, memory: Memory, found: Any, release: Release) -> Canary | None:
        """The canary as deploying the release leaves it; None where no canary has to do with it."""
        stable, canary = memory.release, state(memory)
        if found is None or stable is None:
            return None
        if canary is not None and canary.outcome is not Outcome.PROMOTED and release == stable:
            after = replace(canary, percent=0, outcome=Outcome.ROLLED_BACK, since=clock.timestamp())
            return after if canary.running else canary
        if canary is not None and canary.running and release == canary.release:
            return canary
        if release.model_digest in {one.model_digest for one in (stable, *memory.served)}:
            return None  # what has served here comes back at once: whoever rolls back has no time for steps
        first = policy(self.environment.options[STATE]).steps[0]
        return Canary(release=release, stable=stable, percent=first, since=clock.timestamp())

    def _with_canary(self, service: Service, job: DeployJob, holding: Holding, say: Say) -> tuple[Serving, bool] | None:
        """What serves, and was anything changed; None where no canary has to do with it."""
        memory, found = service.record.read(), service.read()
        if not job.refuse:
            _refuse_taken_back(service, memory, job.release)
        refuse(job, memory.noted)
        then = self._then(memory, found, job.release)
        if then is None:
            return None
        if not then.running:
            return self._withdraw(service, job, memory, then, holding, say)
        noted = {**memory.noted, "sequence": job.sequence}
        if then == state(memory):
            _split(service, then, holding, say)
            service.record.write(replace(memory, noted=noted))
            return self._beside(service, then, service.read()), False
        brought = self._bring(service, job, holding, say)
        begun = replace(then, since=clock.timestamp())  # its first step begins now, not before its smoke
        noted = {**noted, STATE: encode(begun), "refused": job.refuse}
        kept = replace(brought, noted=noted, manifest=memory.manifest, served=memory.served)
        service.record.write(kept)
        _split(service, begun, holding, say)
        return self._beside(service, begun, service.read()), True

    def _bring(self, service: Service, job: DeployJob, holding: Holding, say: Say) -> Memory:
        """Up to a smoked revision without traffic; the record with its rows."""
        manifest = render(job.release, job.environment, service.options, percent=0)
        alone = Alone(
            client=service.client, options=service.options, model=service.model, environment=service.environment
        )
        bringing = Deploying(service=alone, job=job, manifest=manifest, holding=holding, say=say)
        with tempfile.TemporaryDirectory() as folder:
            return bringing.bring(service.record.read(), service.read(), Path(folder), self.schema)

    def _withdraw(
        self, service: Service, job: DeployJob, memory: Memory, after: Canary, holding: Holding, say: Say
    ) -> tuple[Serving, bool]:
        """The stable release is wanted, and a canary was or is beside it: it gets no traffic. A later commit that wants
        the stable one has taken the canary back in git, so it may come again."""
        ends = after != state(memory)
        changed = ends or bool(difference(_manifest(service, after), service.read()))
        if changed:
            _split(service, after, holding, say)
        if ends:
            memory = _recorded(service, memory, after)
        noted = {**memory.noted, "sequence": job.sequence, "refused": refused(job, memory.noted)}
        service.record.write(replace(memory, noted=noted))
        return self._beside(service, after, service.read()), changed

    def _beside(self, service: Service, canary: Canary, found: Any) -> Serving:
        url = service.url(found)
        wanted, noted = _manifest(service, canary), service.record.read().noted
        return Serving(
            release=canary.stable,
            url=url,
            answering=service.answers(url, canary.stable, *([canary.release] if canary.running else [])),
            since=str(noted.get("since", "")),
            altered=f"{place} of its InferenceService was changed by hand"
            if (place := difference(wanted, found))
            else "",
            refused=str(noted.get("refused", "")),
        )


def kserve_target(environment: Environment, kubeconfig: str = "") -> KserveTarget:
    """What serves an environment with `target: kserve`."""
    kind = KserveCanaryTarget if STATE in environment.options else KserveTarget
    return kind(environment, kubeconfig)


@dataclass(frozen=True, kw_only=True)
class Alone(Service):
    """The service, asked at the address of its latest revision alone, which no user knows."""

    def url(self, found: Mapping[str, Any]) -> str:
        """From the Knative Service's routes; '' while they are not there."""
        child = self.child(found) if found else None
        routes = (child or {}).get("status", {}).get("traffic") or []
        return next((str(one.get("url", "")) for one in routes if one.get("tag") == TAG), "").rstrip("/")


def state(memory: Memory) -> Canary | None:
    """The canary that a record tells of. Raises BackendError where it can't be read."""
    document = memory.noted.get(STATE)
    try:
        return decode(Canary, document) if document is not None else None
    except CodecError as error:
        raise BackendError(f"the record of the canary can't be read: {error}", docs=DOCS) from None


def _refuse_taken_back(service: Service, memory: Memory, release: Release) -> None:
    """Raises StaleError for a release that lost its traffic before it was promoted, and that git still wants."""
    canary, digest = state(memory), release.model_digest
    if canary is None or canary.outcome is not Outcome.ROLLED_BACK or canary.release.model_digest != digest:
        return
    if memory.noted.get("refused") == digest:
        raise StaleError(
            f"model {digest[:12]} was taken back here while it was a canary",
            hint="'mlops-ci canary show' says what was seen of it; 'mlops-ci rollback --environment "
            f"{service.environment}' takes it back in git, too, and after that it can be asked for again",
            docs=f"{DOCS}#coming-again",
        )


def _manifest(service: Service, canary: Canary) -> dict[str, Any]:
    percent = None if canary.outcome is Outcome.PROMOTED else canary.percent
    return render(canary.release, service.environment, service.options, percent=percent)


def _split(service: Service, canary: Canary, holding: Holding, say: Say) -> None:
    """Bring traffic to what the canary says, and wait until it is there."""
    manifest = _manifest(service, canary)
    holding.check()
    service.apply(manifest)
    if canary.outcome is not Outcome.ROLLED_BACK:
        seconds, mode = service.options.ready_seconds, service.options.mode
        kserve_rollout.wait(service.client, manifest, mode, seconds=seconds, check=holding.check, say=say)
        return
    ends = clock.stopwatch() + service.options.ready_seconds  # its pods may be in any state: only traffic counts
    while kserve_rollout.current_percent(service.child(manifest)) != 0:
        holding.check()
        if clock.stopwatch() >= ends:
            raise BackendError("the canary's traffic is not taken away: does Knative's controller run?", docs=DOCS)
        clock.sleep(STEP)


def _recorded(service: Service, memory: Memory, after: Canary) -> Memory:
    """With the canary's new state: a promoted one serves, one that was rolled back does not come again by itself."""
    noted = {**memory.noted, STATE: encode(after)}
    if after.outcome is Outcome.PROMOTED:
        rows = memory.rows_of(after.release) or b""
        noted |= {"release": encode(after.release), "since": after.since}
        return replace(memory.serves(after.release, _manifest(service, after), rows), noted=noted)
    if after.outcome is Outcome.ROLLED_BACK:
        noted["refused"] = after.release.model_digest
    return replace(memory, noted=noted)
