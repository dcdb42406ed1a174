"""Serve a release in an environment: bring it, smoke it, let it take over, and then move the registry's alias."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.config.release_file import digest
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import BackendError
from mlops_ci.ports.deploying import CanaryTarget, Deployer, DeployJob, DryRun
from mlops_ci.ports.say import Say
from mlops_ci.ports.tracking import Registry
from mlops_ci.records.canary import Canary
from mlops_ci.records.codec import encode
from mlops_ci.records.models import Release, Version
from mlops_ci.records.plans import Action, Step
from mlops_ci.records.results import Check, Severity, StageResult, Status, status_of
from mlops_ci.records.serving import DeploymentDetails, Serving
from mlops_ci.stages.scoring import SMOKE, Home, environment_of
from mlops_ci.stages.server_settings import server_settings
from mlops_ci.stages.smoke import smoke, smoke_by_answers, tolerance_of
from mlops_ci.stages.stored import bring_model

SERVED = "served."  # before the digest of a release, the name of a version's tag


@dataclass(frozen=True, kw_only=True)
class Dock:
    """What deploying needs from outside. `requirements` and `server_code` are the model server's."""

    home: Home
    registry: Registry
    deployer: Deployer
    sequence: int
    requirements: Sequence[str]
    server_code: Callable[[Path], object]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `apply` will do. `serving` is what serves now, `canary` what has a share of the traffic beside it, `begins`
    the canary that would begin; `rollback` says that the release has served here before."""

    release: Release
    environment: Environment
    serving: Serving | None
    canary: Canary | None = None
    begins: Canary | None = None
    rollback: bool = False

    @property
    def name(self) -> str:
        """The stage's name in results."""
        return f"deploy-{self.environment.name}"

    @property
    def step(self) -> Step:
        """The plan in words."""
        digest = self.release.model_digest[:12]
        what = f"version {self.release.version} (model {digest}) in {self.environment.name} ({self.environment.target})"
        now, canary = self.serving, self.canary
        if now is not None and now.answering and not now.altered:
            if canary is None and now.release == self.release:
                return self._step(Action.DONE, f"{what} serves at {now.url}")
            if canary is not None and canary.release == self.release:
                return self._step(Action.DONE, f"{what} is a canary with {share(canary)}")
        if now is not None and canary is not None and now.release == self.release:
            return self._step(Action.DO, f"serve {what} alone: its canary, version {canary.release.version}, goes")
        if self.begins is not None:
            return self._step(Action.DO, self._beginning(what, self.begins))
        instead = ""
        if now is not None:
            another = now.release.model_digest != self.release.model_digest
            instead = f", instead of version {now.release.version}" if another else ", as it is packed and set now"
            instead = f": {now.altered}" if now.altered else instead
        how = "serve again" if self.rollback else "serve"
        return self._step(Action.DO, f"{how} {what}{instead}")

    def _beginning(self, what: str, begins: Canary) -> str:
        goes = f"; the canary under way, version {self.canary.release.version}, goes" if self.canary else ""
        return f"begin a canary: {what} gets {share(begins)}, version {begins.stable.version} keeps the rest{goes}"

    def _step(self, action: Action, what: str) -> Step:
        return Step(model=self.release.model, stage=self.name, action=action, what=what)


def release_of(version: Version, model: Model) -> Release:
    """A registered version as a release; how it is served goes with it, as JSON by key."""
    return Release(
        model=version.model,
        version=version.number,
        model_digest=version.model_digest,
        inputs_digest=version.inputs_digest,
        run_id=version.run_id,
        image=version.tags.get("image", ""),
        image_digest=version.tags.get("image_digest", ""),
        storage_uri=version.tags.get("storage_uri", ""),
        commit=version.tags.get("commit", ""),
        verdict=version.tags.get("verdict", ""),
        serving={key: json.dumps(value) for key, value in server_settings(model).items()},
    )


def plan(release: Release, environment: Environment, *, deployer: Deployer) -> Plan:
    """What serving this release here would change."""
    now = deployer.serving(release.model, environment.name)
    before = any(
        item.model_digest == release.model_digest for item in deployer.recorded(release.model, environment.name)
    )
    rollback = before and now is not None and now.release.model_digest != release.model_digest
    return Plan(
        release=release,
        environment=environment,
        serving=now,
        canary=canary_of(deployer, release.model, environment.name),
        begins=deployer.begins(release, environment.name) if isinstance(deployer, CanaryTarget) else None,
        rollback=rollback,
    )


def canary_of(deployer: Deployer, model: str, environment: str) -> Canary | None:
    """What has a share of the traffic now; None where nothing has."""
    found = deployer.canary(model, environment) if isinstance(deployer, CanaryTarget) else None
    return found if found is not None and found.running else None


def share(canary: Canary) -> str:
    """What it has, in words."""
    return f"{canary.percent}% of the traffic"


def came_here(release: Release, environment: str, *, deployer: Deployer) -> bool:
    """Whether it serves or has served here, or has a share of the traffic: then it was let in already."""
    canary = canary_of(deployer, release.model, environment)
    beside = canary is not None and canary.release == release
    return beside or release in deployer.recorded(release.model, environment)


def changes(planned: Plan, deployer: Deployer) -> tuple[str, ...]:
    """What carrying the plan out would change there, as lines of a difference, from targets that can be asked."""
    if not isinstance(deployer, DryRun):
        return ()
    return deployer.dry_run(planned.release, planned.environment.name)


def apply(planned: Plan, dock: Dock, *, say: Say, refuse: str = "") -> StageResult:
    """Carry the plan out; twice is the same as once. `refuse` is a model digest that may not come back by itself.

    Raises GateFailed where the smoke failed, and what served before serves on; StaleError where the stored model is
    not the one that was registered; BackendError where a back end fails.
    """
    release, environment = planned.release, planned.environment
    smoked: list[int] = []
    tolerance = tolerance_of(environment)

    def check(url: str, folder: Path) -> None:
        rows = folder / SMOKE
        smoked.append(smoke(url, name=release.model, digest=release.model_digest, rows=rows, tolerance=tolerance))

    def check_answers(url: str, folder: Path) -> None:
        smoked.append(smoke_by_answers(url, rows=folder / SMOKE, tolerance=tolerance))

    job = DeployJob(
        release=release,
        environment=environment.name,
        options=environment.options,
        sequence=dock.sequence,
        refuse=refuse,
        bring=lambda into: bring(release, into, dock, say=say),
        bring_rows=lambda into: bring_rows(release, into, dock),
        smoke=check,
        smoke_by_answers=check_answers,
    )
    serving, changed = dock.deployer.deploy(job, say=say)
    canary = canary_of(dock.deployer, release.model, environment.name)
    checks = (_smoked(smoked), _named(release, environment.name, canary, dock.registry))
    before = planned.serving.release.model_digest if planned.serving else ""
    details = DeploymentDetails(
        environment=environment.name,
        target=environment.target,
        release=release,
        url=serving.url,
        changed=changed,
        before=before,
        rollback=planned.rollback,
        smoke_rows=sum(smoked),
        share=canary.percent if canary is not None else None,
    )
    how = f"is a canary with {share(canary)}" if canary is not None else "serves"
    how = how if changed else f"{how} already"
    return StageResult(
        stage=planned.name,
        model=release.model,
        status=status_of(checks),
        reason=f"version {release.version} {how} in {environment.name} at {serving.url}",
        checks=checks,
        outputs={"url": serving.url, "model-digest": release.model_digest, "version": release.version},
        details=encode(details),
    )


def _smoked(rows: list[int]) -> Check:
    if not rows:
        return Check(name="smoke", status=Status.PASSED, message="this server was smoked before")
    if rows[0] == 0:
        text = "it is the model that was judged; no rows were recorded to compare its answers with"
        return Check(name="smoke", status=Status.SKIPPED, severity=Severity.WARN, message=text)
    return Check(name="smoke", status=Status.PASSED, message=f"{rows[0]} answers are those that were judged")


def _named(release: Release, environment: str, canary: Canary | None, registry: Registry) -> Check:
    """The alias names what serves; a canary is named when it is promoted."""
    if canary is None:
        return pointed(release, environment, registry)
    text = f"not moved: it is a canary with {share(canary)}"
    return Check(name=f"alias {environment}", status=Status.SKIPPED, severity=Severity.WARN, message=text)


def pointed(release: Release, environment: str, registry: Registry) -> Check:
    """Move the alias, after the smoke alone, and note what the version was served as: a release file may name nothing
    else. A registry that is down delays only this: what serves is served."""
    name = f"alias {environment}"
    try:
        version = registry.version_of(release.model, release.model_digest)
        if version is None:
            text = f"the registry has no version with the model {release.model_digest[:12]}"
            return Check(name=name, status=Status.FAILED, severity=Severity.WARN, message=text)
        registry.point(release.model, environment, version)
        if (note := SERVED + digest(release)) not in version.tags:
            registry.annotate(version, {note: "yes"})
    except BackendError as error:
        text = f"not moved, run the same command again later: {error}"
        return Check(name=name, status=Status.ERROR, severity=Severity.WARN, message=text)
    return Check(name=name, status=Status.PASSED, message=f"version {version.number}")


def bring(release: Release, into: Path, dock: Dock, *, say: Say) -> Path:
    """Put the release's model and server code into a folder; returns the Python that serves it.

    Raises StaleError where the stored bytes are not the release's.
    """
    bring_model(release.run_id, release.model_digest, into, tracker=dock.home.tracker)
    dock.server_code(into / "code")
    scratch = into / "described"
    interpreter = environment_of(release.run_id, dock.home, scratch, say, extra=dock.requirements)
    shutil.rmtree(scratch, ignore_errors=True)
    return interpreter.path


def bring_rows(release: Release, into: Path, dock: Dock) -> None:
    """Put the smoke rows that were recorded into a folder; none where none were."""
    dock.home.tracker.fetch(release.run_id, SMOKE, into)
