"""How a pull request that is kept current stands at the forge: what is ours in it, and what a person did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from mlops_ci.errors import RepositoryError
from mlops_ci.ports.forge import Forge
from mlops_ci.records.forge import BranchCommit, PullRequest, PullState, stamp
from mlops_ci.records.living import HOLD
from mlops_ci.stages.living_body import Block, block_of, human_text, title_hash


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One look at a branch: its tip, its base's, its open pull request and the newest one that is no longer open."""

    branch: str
    base: str
    tip: str
    base_tip: str
    commits: tuple[BranchCommit, ...]
    pull: PullRequest | None
    last: PullRequest | None

    @property
    def block(self) -> Block | None:
        """What our marker in the open pull request says."""
        return block_of(self.pull.body) if self.pull else None

    @property
    def held(self) -> bool:
        """Whether a person asked us to keep our hands off."""
        asked = self.pull or self.last
        return asked is not None and asked.state is not PullState.MERGED and HOLD in asked.labels

    @property
    def foreign(self) -> tuple[BranchCommit, ...]:
        """Commits of others on top of ours. What was merged as it stands is nobody's any more."""
        merged = self.last if self.last is not None and self.last.state is PullState.MERGED else None
        if self.pull is None and merged is not None and merged.head == self.tip:
            return ()
        return tuple(takewhile(lambda commit: not commit.fingerprint, self.commits))

    @property
    def ours(self) -> BranchCommit | None:
        """Our commit, where it is the branch's tip."""
        return self.commits[0] if self.commits and self.commits[0].fingerprint else None

    @property
    def retargeted(self) -> bool:
        """Whether a person gave the pull request another base."""
        return self.pull is not None and self.pull.base != self.base


def look(branch: str, base: str, *, forge: Forge) -> Seen:
    """Look once. Raises RepositoryError where there is no base."""
    tip, base_tip = forge.tip(branch), forge.tip(base)
    if not base_tip:
        raise RepositoryError(f"there is no branch {base} to propose to", hint="see 'git branch -a'", docs="forge.md")
    pulls = forge.pulls(branch=branch)
    opened = [item for item in pulls if item.state is PullState.OPEN]
    return Seen(
        branch=branch,
        base=base,
        tip=tip,
        base_tip=base_tip,
        commits=forge.commits(branch, base=base) if tip else (),
        pull=next((item for item in opened if item.base == base), opened[0] if opened else None),
        last=next((item for item in pulls if item.state is not PullState.OPEN), None),
    )


def stands(files: Mapping[str, bytes | None], *, at: str, forge: Forge) -> bool:
    """Whether a commit has these files already."""
    return all(forge.read(path, at=at) == content for path, content in sorted(files.items()))


def current(seen: Seen, files: Mapping[str, bytes | None], fingerprint: str, *, forge: Forge) -> bool:
    """Whether the branch proposes this, on a base that still is one.

    A base that only moved on does not count, as long as it left our files alone: a new commit would take approvals
    away for nothing. One that was force-pushed, or changed our files, does.
    """
    ours = seen.ours
    if ours is None or ours.fingerprint != fingerprint:
        return False
    onto = ours.parents[0]
    if onto == seen.base_tip:
        return True
    if not forge.contains(seen.base, onto):
        return False
    return all(forge.read(path, at=onto) == forge.read(path, at=seen.base_tip) for path in sorted(files))


def touched(seen: Seen, *, forge: Forge) -> str:
    """What a person did to the open pull request, as the end of a sentence; '' if nobody touched it."""
    pull, block = seen.pull, seen.block
    assert pull is not None
    if seen.foreign or (seen.tip and not seen.ours):
        return "its branch has commits that mlops-ci did not make"
    if seen.retargeted:
        return "its base was changed"
    if block is None or human_text(pull.body):
        return "somebody wrote into it"
    if title_hash(pull.title) != block.title:
        return "somebody changed its title"
    if any(not (comment.own or comment.bot) for comment in forge.comments(pull.number)):
        return "somebody commented on it"
    return "somebody approved it" if forge.approvals(pull.number) else ""


def noted(number: int, marker: str, *, forge: Forge) -> bool:
    """Whether a note of ours with this marker is there."""
    return any(comment.own and stamp(marker) in comment.body for comment in forge.comments(number))
