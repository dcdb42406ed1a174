"""What an environment asks of a release before it comes there for the first time: `requires` in the config."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from mlops_ci.config.durations import seconds
from mlops_ci.config.types import Environment, Model
from mlops_ci.errors import GateFailed
from mlops_ci.ports.deploying import Deployer
from mlops_ci.ports.forge import Forge
from mlops_ci.ports.tracking import Registry
from mlops_ci.records.forge import PullState
from mlops_ci.records.living import branch_of
from mlops_ci.records.models import Release
from mlops_ci.stages.history import Named, named_otherwise


def let_in(release: Release, environment: str, *, registry: Registry, seen: Named) -> bool:
    """Whether the model was let in here once, as this release: then it may come back, and is not asked again.

    The registry's journal says what has served, since an alias moves after the smoke alone. What the release file has
    named, `seen`, is no proof of that: it may never have come here. But it tells apart what the journal does not: a
    model that was also named with other settings is asked. Raises BackendError.
    """
    moves, _ = registry.journal(release.model)
    here = any(move.environment == environment and move.model_digest == release.model_digest for move in moves)
    return here and not named_otherwise(release, seen)


def proving_place(model: Model, target: Environment) -> str:
    """Where a release proves itself for `target`: the environment that `verified_in` names, else the one before it."""
    before = next((one.name for one, other in pairwise(model.environments) if other.name == target.name), "")
    return str(target.options.get("requires", {}).get("verified_in") or before)


def require(
    release: Release,
    model: Model,
    target: Environment,
    *,
    deployer: Callable[[Environment], Deployer],
    forge: Forge,
    brought_by: str,
    now: datetime,
) -> None:
    """Raises GateFailed where the environment asks for more than this release has: `requires` in the config.

    `brought_by` is the commit that wrote the release file: approvals count for the pull request that it merged alone.
    """
    wants = target.options.get("requires", {})
    if wants.get("verified_in") or wants.get("min_soak"):
        _served_in(release, model, proving_place(model, target), wants.get("min_soak", ""), deployer, now)
    if count := wants.get("approvals", 0):
        _approved(release, target, count, brought_by, forge)


def _served_in(
    release: Release,
    model: Model,
    place: str,
    soak: str,
    deployer: Callable[[Environment], Deployer],
    now: datetime,
) -> None:
    found = next((item for item in model.environments if item.name == place), None)
    serving = deployer(found).serving(model.name, place) if found is not None else None
    same = serving is not None and serving.release.model_digest == release.model_digest
    if serving is None or not same or not serving.answering or not serving.since:
        raise GateFailed(
            f"version {release.version} does not serve in {place}, which must come first",
            hint=f"deploy it to {place}, or change 'requires' of the environment",
            docs="promotion.md#requirements",
        )
    since = datetime.strptime(serving.since, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    if soak and now - since < timedelta(seconds=seconds(soak)):
        raise GateFailed(
            f"version {release.version} has served in {place} only since {serving.since}; {soak} are asked for",
            hint="run the same command again later",
            docs="promotion.md#requirements",
        )


def _approved(release: Release, target: Environment, count: int, brought_by: str, forge: Forge) -> None:
    people = approvers(release.model, target.name, brought_by, forge)
    if len(people) < count:
        raise GateFailed(
            f"{target.name} asks for {count} approvals; what brought version {release.version} has {len(people)}",
            hint="revert it, have the promotion approved (on GitHub, or by 'mlops-ci forge approve NUMBER' where pull "
            "requests live here), and merge it again",
            docs="promotion.md#requirements",
        )


def approvers(model: str, environment: str, brought_by: str, forge: Forge) -> tuple[str, ...]:
    """Who approved, as it was merged, the promotion that the commit `brought_by` is of: its merge, or, where that kept
    the branch's own commit, that one."""
    merged = forge.pulls(branch=branch_of(f"promote/{model}/{environment}"), state=PullState.MERGED)
    brought = next((pull for pull in merged if brought_by in (pull.merge_commit, pull.head)), None)
    if brought is None:
        return ()
    return tuple(dict.fromkeys(item.author for item in forge.approvals(brought.number) if item.commit == brought.head))
