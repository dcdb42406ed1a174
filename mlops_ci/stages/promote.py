"""Propose a release for the next environment, as a pull request that is kept current."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mlops_ci.config import release_file
from mlops_ci.config.types import Environment, Model
from mlops_ci.digests.canonical import digest_of
from mlops_ci.ports.forge import Forge
from mlops_ci.records.codec import encode
from mlops_ci.records.forge import PullState
from mlops_ci.records.living import Action, Outcome, Proposal
from mlops_ci.records.models import Release
from mlops_ci.records.plans import Action as Doing
from mlops_ci.records.plans import Step
from mlops_ci.records.promotion import Judged, PromotionFacts
from mlops_ci.records.results import StageResult, Status
from mlops_ci.stages import living
from mlops_ci.stages.living_body import block_of
from mlops_ci.stages.requirements import proving_place

PASSING = (Action.OPENED, Action.UPDATED, Action.UNCHANGED, Action.NOTHING, Action.CLOSED, Action.CLEANED)


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A release that serves in `source` and could serve in `target`, where `current` is what git names there now.

    `since` is the moment since when it serves where `target` asks for it, '' where it does not. `named` says that a
    person asked for this very version: one that was closed before does not keep us from proposing it."""

    model: Model
    release: Release
    source: Environment
    target: Environment
    current: Release | None
    folder: str = ""
    since: str = ""
    named: bool = False

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

    @property
    def by_name(self) -> str:
        """The command that proposes it whatever was closed or taken back."""
        place = f"--model {self.model.name} --environment {self.target.name}"
        return f"mlops-ci promote {place} --release {self.release.version}"


Text = Callable[[PromotionFacts], Sequence[str]]


def propose(
    promotion: Promotion,
    *,
    forge: Forge,
    base: str,
    text: Text,
    judged: Callable[[Release], Judged],
    now: datetime,
    sequence: int,
) -> StageResult:
    """Open or update the one pull request of this promotion; close it where the target has the release already.

    `text` renders the facts and escapes what came from outside; `judged` tells how a release was judged; `sequence`
    grows with the commits of `base`, so that a late run writes nothing. Raises BackendError where the forge fails.
    """
    proposal = _told(promotion, forge=forge, base=base, text=text, judged=judged, sequence=sequence)
    return _result(promotion, living.keep(proposal, forge=forge, now=now))


def plan(
    promotion: Promotion,
    *,
    forge: Forge,
    base: str,
    text: Text,
    judged: Callable[[Release], Judged],
    now: datetime,
    sequence: int,
) -> Step:
    """What `propose` would do, which is asked the same; reads only. What it would leave alone is skipped, as there."""
    proposal = _told(promotion, forge=forge, base=base, text=text, judged=judged, sequence=sequence)
    outcome = living.plan(proposal, forge=forge, now=now)
    version, target = promotion.release.version, promotion.target.name
    pull = f"pull request #{outcome.number}"
    action, what = {
        Action.OPENED: (Doing.DO, promotion.title),
        Action.UPDATED: (Doing.DO, f"{promotion.title}: update {pull}: {outcome.reason}"),
        Action.CLOSED: (Doing.DO, f"close {pull}: {outcome.reason}"),
        Action.UNCHANGED: (Doing.DONE, f"{pull} proposes version {version}"),
        Action.NOTHING: (Doing.DONE, f"{target} has version {version}"),
    }.get(outcome.action, (Doing.SKIP, _said(outcome)))
    return Step(model=promotion.model.name, stage=f"promote-{target}", action=action, what=what)


def _told(
    promotion: Promotion,
    *,
    forge: Forge,
    base: str,
    text: Text,
    judged: Callable[[Release], Judged],
    sequence: int,
) -> Proposal:
    """The proposal with its text."""
    proposal = _proposal(promotion, base, sequence)
    known = promotion.current == promotion.release  # else the forge need not be asked: it decides that itself, later
    if known and _there(proposal, forge):  # nothing to read for anybody, so the tracker is left alone
        return proposal
    facts = _facts(promotion, judged=judged, approved=_approved(proposal, forge))
    sections = tuple(text(facts))
    unknown = any(item is not None and item.later for item in (facts.judged, facts.judged_now))
    # What a server that is down does not tell is no reason to rewrite a text that has it.
    return replace(proposal, sections=sections, text="" if unknown else digest_of(list(sections)))


def _proposal(promotion: Promotion, base: str, sequence: int) -> Proposal:
    release = promotion.release
    content = release_file.render(release)
    return Proposal(
        key=promotion.key,
        base=base,
        title=promotion.title,
        sections=(),
        files={promotion.path: content},
        fingerprint=digest_of({"path": promotion.path, "content": content.decode()}),
        severity=int(release.version) if release.version.isdecimal() else 0,
        sequence=sequence,
        quiet_for=timedelta(0) if promotion.named else Proposal.quiet_for,
        sooner=f"a newer version comes, or '{promotion.by_name}' names this one",
    )


def _there(proposal: Proposal, forge: Forge) -> bool:
    """Whether the base has what would be proposed."""
    tip = forge.tip(proposal.base)
    return all(forge.read(path, at=tip) == content for path, content in proposal.files.items())


def _facts(promotion: Promotion, *, judged: Callable[[Release], Judged], approved: tuple[str, ...]) -> PromotionFacts:
    wants = promotion.target.options.get("requires", {})
    now = promotion.current
    told = judged(promotion.release)
    # One answer that a server is down is waited for, not two.
    before = None if now is None else Judged(release=now, reason=told.reason, later=True) if told.later else judged(now)
    return PromotionFacts(
        release=promotion.release,
        current=now,
        source=promotion.source.name,
        target=promotion.target.name,
        judged=told,
        judged_now=before,
        proven_in=proving_place(promotion.model, promotion.target),
        since=promotion.since,
        soak=wants.get("min_soak", ""),
        approvals=wants.get("approvals", 0),
        approved=approved,
    )


def _approved(proposal: Proposal, forge: Forge) -> tuple[str, ...]:
    """Who has approved exactly what is proposed; what was approved before it changed does not count."""
    for pull in forge.pulls(branch=proposal.branch, base=proposal.base, state=PullState.OPEN):
        block = block_of(pull.body)
        if block is not None and block.fingerprint == proposal.fingerprint:
            return tuple(item.author for item in forge.approvals(pull.number) if item.commit == pull.head)
    return ()


def _result(promotion: Promotion, outcome: Outcome) -> StageResult:
    passed = outcome.action in PASSING
    return StageResult(
        stage=f"promote-{promotion.target.name}",
        model=promotion.model.name,
        status=Status.PASSED if passed else Status.SKIPPED,
        reason=_said(outcome),
        outputs={"pr": str(outcome.number or ""), "pr-url": outcome.url},
        details=encode(outcome),
    )


def _said(outcome: Outcome) -> str:
    done = f"pull request #{outcome.number} {outcome.action.value}: " if outcome.number else ""
    return f"{done}{outcome.reason}"
