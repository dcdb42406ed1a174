"""Propose a release for the next environment, as a pull request that is kept current."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from mlops_ci.config import release_file
from mlops_ci.config.types import Environment, Model
from mlops_ci.digests.canonical import digest_of
from mlops_ci.errors import GateFailed
from mlops_ci.ports import Deployer, Forge
from mlops_ci.records.codec import encode
from mlops_ci.records.forge import PullState
from mlops_ci.records.living import Action, Outcome, Proposal, branch_of
from mlops_ci.records.models import Release
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages import living

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PASSING = (Action.OPENED, Action.UPDATED, Action.UNCHANGED, Action.NOTHING, Action.CLOSED, Action.CLEANED)


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A release that serves in `source` and could serve in `target`, where `current` is what git names there now."""

    model: Model
    release: Release
    source: Environment
    target: Environment
    current: Release | None
    folder: str = ""

    @property
    def key(self) -> str:
        """The one name of this promotion's pull request."""
        return f"promote/{self.model.name}/{self.target.name}"

    @property
    def path(self) -> str:
        """The release file from the root of the repository."""
        return f"{self.folder}{release_file.path_of(self.model.name, self.target.name)}"

    @property
    def title(self) -> str:
        return f"Promote {self.model.name} version {self.release.version} to {self.target.name}"


Section = Callable[..., str]


def propose(
    promotion: Promotion, *, forge: Forge, base: str, section: Section, now: datetime, sequence: int
) -> StageResult:
    """Open or update the one pull request of this promotion; close it where the target has the release already.

    `section` escapes what came from outside; `sequence` grows with the commits of `base`, so that a late run writes
    nothing. Raises BackendError where the forge fails.
    """
    outcome = living.keep(_proposal(promotion, base, section, sequence), forge=forge, now=now)
    return _result(promotion, outcome)


def take_back(
    promotion: Promotion, *, forge: Forge, base: str, section: Section, now: datetime, sequence: int
) -> Outcome:
    """Open or update the pull request that brings an earlier release back. Raises BackendError."""
    made = _proposal(promotion, base, section, sequence)
    release, now_there = promotion.release, promotion.current
    instead = f" instead of version {now_there.version}" if now_there else ""
    proposal = replace(
        made,
        key=f"rollback/{promotion.model.name}/{promotion.target.name}",
        title=f"Roll {promotion.model.name} back to version {release.version} in {promotion.target.name}{instead}",
        quiet_for=timedelta(0),
        supersedes=(promotion.key,),
    )
    return living.keep(proposal, forge=forge, now=now)


def _proposal(promotion: Promotion, base: str, section: Section, sequence: int) -> Proposal:
    release = promotion.release
    content = release_file.render(release)
    return Proposal(
        key=promotion.key,
        base=base,
        title=promotion.title,
        sections=tuple(_sections(promotion, section)),
        files={promotion.path: content},
        fingerprint=digest_of({"path": promotion.path, "content": content.decode()}),
        severity=int(release.version) if release.version.isdecimal() else 0,
        sequence=sequence,
    )


def _sections(promotion: Promotion, section: Section) -> Sequence[str]:
    """What changes, what is asked for, and how it is taken back."""
    release, now = promotion.release, promotion.current
    rows = [
        (name, getattr(now, key) if now else "–", getattr(release, key) or "–")
        for name, key in (
            ("version", "version"),
            ("model", "model_digest"),
            ("inputs", "inputs_digest"),
            ("commit", "commit"),
            ("verdict", "verdict"),
            ("run", "run_id"),
        )
    ]
    before = "served here before" if promotion.source is promotion.target else f"serves in {promotion.source.name}"
    served = f"Version {release.version} {before}. Merging this serves it, byte for byte the"
    return [
        section(
            f"{promotion.model.name}: version {release.version} in {promotion.target.name}",
            [f"{served} same model, in {promotion.target.name}; nothing is trained, built or judged again."],
            head=("", f"{promotion.target.name} now", "this release"),
            rows=rows,
        ),
        section("What is asked for", _asked(promotion.target) or ["Nothing but a merge."]),
        section(
            "Taking it back",
            ["Revert the merge of this pull request: what served before is served again, from what was recorded."],
        ),
    ]


def _asked(target: Environment) -> list[str]:
    wants = target.options.get("requires", {})
    lines = []
    if wants.get("verified_in"):
        lines.append(f"It must have served in {wants['verified_in']}.")
    if wants.get("min_soak"):
        lines.append(f"It must have served there for {wants['min_soak']}.")
    if wants.get("approvals"):
        lines.append(f"{wants['approvals']} people must have approved this pull request.")
    return lines


def _result(promotion: Promotion, outcome: Outcome) -> StageResult:
    number = f"#{outcome.number} " if outcome.number else ""
    passed = outcome.action in PASSING
    return StageResult(
        stage=f"promote-{promotion.target.name}",
        model=promotion.model.name,
        status=Status.PASSED if passed else Status.SKIPPED,
        reason=f"pull request {number}{outcome.action.value}: {outcome.reason}",
        outputs={"pr": str(outcome.number or ""), "pr-url": outcome.url},
        details=encode(outcome),
    )


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
    if place := wants.get("verified_in"):
        _served_in(release, model, place, wants.get("min_soak", ""), deployer, now)
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
    if serving is None or serving.release.model_digest != release.model_digest or not serving.answering:
        raise GateFailed(
            f"version {release.version} does not serve in {place}, which must come first",
            hint=f"deploy it to {place}, or change 'requires' of the environment",
            docs="deploy.md#requirements",
        )
    since = datetime.strptime(serving.since, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    if soak and now - since < duration(soak):
        raise GateFailed(
            f"version {release.version} has served in {place} only since {serving.since}; {soak} are asked for",
            hint="run the same command again later",
            docs="deploy.md#requirements",
        )


def _approved(release: Release, target: Environment, count: int, brought_by: str, forge: Forge) -> None:
    pulls = forge.pulls(branch=branch_of(f"promote/{release.model}/{target.name}"), state=PullState.MERGED)
    brought = next((pull for pull in pulls if pull.merge_commit == brought_by), None)
    approvals = forge.approvals(brought.number) if brought else ()
    people = {item.author for item in approvals if brought and item.commit == brought.head}
    if len(people) < count:
        raise GateFailed(
            f"{target.name} asks for {count} approvals; what brought version {release.version} has {len(people)}",
            hint="revert it, have the promotion approved ('mlops-ci forge approve NUMBER'), and merge it again",
            docs="deploy.md#requirements",
        )


def duration(text: str) -> timedelta:
    """`30s`, `5m`, `2h` or `1d`, as the schema allows them."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    assert found is not None
    return timedelta(seconds=int(found[1]) * SECONDS[found[2]])
