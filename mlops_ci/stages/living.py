"""Pull requests that are kept current, on any forge by one piece of code.

`keep` brings a proposal to its one pull request, `withdraw` takes back what is no longer proposed. A person always
wins: what somebody wrote, committed, closed or held is left as it is. Each call looks, decides from what it saw, and
writes in steps of which each may be the last: the next call finds what was done and goes on. Where another run was
faster, it looks again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

from mlops_ci.errors import ForgeConflict
from mlops_ci.ports.forge import Forge
from mlops_ci.records.forge import NewPull, PullRequest, PullState, Push
from mlops_ci.records.living import HOLD, Action, Outcome, Proposal, branch_of
from mlops_ci.stages.living_body import Block, block_of, compose, marked, title_hash, title_of
from mlops_ci.stages.living_state import Seen, current, look, noted, stands, touched

TRIES = 3
SHOWN = 10
LATE = "a later run has written what stands"


def keep(proposal: Proposal, *, forge: Forge, now: datetime) -> Outcome:
    """Bring the one pull request of a proposal up to date, or say why not.

    Raises ForgeConflict where others moved the branch three times in a row, BackendError where the forge fails.
    """
    outcome = _again(lambda: _keep(proposal, forge=forge, now=now))
    if outcome.action in (Action.OPENED, Action.UPDATED, Action.UNCHANGED):
        note = f"Superseded by #{outcome.number}."
        for key in proposal.supersedes:
            _again(lambda key=key: _withdraw(key, proposal.base, note, forge=forge))  # type: ignore[misc]
    return outcome


def withdraw(key: str, base: str, *, forge: Forge, reason: str, sequence: int | None = None) -> Outcome:
    """Close the pull request of a key for which nothing is left to propose, if nobody touched it.

    `reason` is a sentence, ready to be shown. A run of an older `sequence` than what stands takes nothing back. Raises
    as `keep` does.
    """
    return _again(lambda: _withdraw(key, base, reason, forge=forge, sequence=sequence))


def plan(proposal: Proposal, *, forge: Forge, now: datetime) -> Outcome:
    """What `keep` would do; reads only. An opening has no number yet."""
    seen = look(proposal.branch, proposal.base, forge=forge)
    decided = _decide(proposal, seen, forge=forge, now=now)
    why = touched(seen, forge=forge) if decided.action is Action.CLOSED else ""
    return replace(decided, action=Action.LEFT, reason=f"nothing is left to propose, but {why}") if why else decided


def barred(proposal: Proposal, *, forge: Forge, now: datetime) -> Outcome | None:
    """What would keep a proposal from being written, told before the work of making its files; None where nothing
    would. The files and the text take no part. Its one write is the note on what is frozen."""
    seen = look(proposal.branch, proposal.base, forge=forge)
    bar = _barred(proposal, seen, now=now)
    if bar is not None and bar.action is Action.FROZEN and seen.pull is not None:
        _note(seen.pull.number, "frozen", _frozen_note(seen), forge=forge)
    return bar


def _again(attempt: Callable[[], Outcome]) -> Outcome:
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except ForgeConflict:
            continue
    return attempt()


def _keep(proposal: Proposal, *, forge: Forge, now: datetime) -> Outcome:
    seen = look(proposal.branch, proposal.base, forge=forge)
    decided = _decide(proposal, seen, forge=forge, now=now)
    if decided.action is Action.CLOSED:
        return _withdraw(proposal.key, proposal.base, decided.reason, forge=forge)
    if decided.action is Action.FROZEN and seen.pull is not None:
        _note(seen.pull.number, "frozen", _frozen_note(seen), forge=forge)
    if decided.action not in (Action.OPENED, Action.UPDATED):
        return decided
    head = seen.tip
    if not current(seen, proposal.files, proposal.fingerprint, forge=forge):
        head = forge.push(_push(proposal, seen))
    pull = seen.pull or forge.open(_new(proposal))
    if _state(pull) == "pending":
        forge.label(pull.number, add=proposal.labels)
        forge.request_review(pull.number, proposal.reviewers)
    pull = _write(proposal, forge.pull(pull.number), forge=forge)
    return replace(decided, number=pull.number, url=pull.url, head=head)


def _decide(proposal: Proposal, seen: Seen, *, forge: Forge, now: datetime) -> Outcome:
    """What to do, from what was seen; the order is that of who has the say."""
    bar = _barred(proposal, seen, now=now)
    if seen.pull is None:
        if not seen.held and stands(proposal.files, at=seen.base_tip, forge=forge):
            return _outcome(Action.NOTHING, f"{proposal.base} has it already", seen)
        return bar or _outcome(Action.OPENED, "there is something to propose", seen)
    if bar is not None:
        return bar
    block = seen.block
    same = current(seen, proposal.files, proposal.fingerprint, forge=forge)
    told = block is not None and block.fingerprint == proposal.fingerprint and block.state == "kept"
    said = block is not None and proposal.text in ("", block.text)
    if same and told and said:
        return _outcome(Action.UNCHANGED, "it proposes this already", seen)
    if stands(proposal.files, at=seen.base_tip, forge=forge):
        return _outcome(Action.CLOSED, f"{proposal.base} has what was proposed.", seen)
    return _outcome(Action.UPDATED, "its text is out of date" if same else "there is something newer to propose", seen)


def _barred(proposal: Proposal, seen: Seen, *, now: datetime) -> Outcome | None:
    """Who or what stands in the way, whatever the files are."""
    if seen.held:
        return _outcome(Action.HELD, f"the label {HOLD} stops all writes", seen)
    if seen.pull is None:
        return _barred_new(proposal, seen, now=now)
    if seen.block is not None and seen.block.sequence > proposal.sequence:
        return _outcome(Action.LATE, LATE, seen)
    if seen.foreign or seen.retargeted:
        why = "its base was changed" if seen.retargeted else "somebody else has committed to its branch"
        return _outcome(Action.FROZEN, f"{why}; it is theirs now", seen)
    return None


def _barred_new(proposal: Proposal, seen: Seen, *, now: datetime) -> Outcome | None:
    """The same where no pull request is open."""
    last = block_of(seen.last.body) if seen.last is not None else None
    if last is not None and last.state != "closed" and last.sequence > proposal.sequence:
        return _outcome(Action.LATE, "a later run has proposed already", seen)
    if why := _quiet(proposal, seen.last, now):
        return _outcome(Action.QUIET, why, seen)
    if seen.foreign:
        reason = f"the branch {seen.branch} has commits of somebody else; delete it, and it is made anew"
        return _outcome(Action.FROZEN, reason, seen)
    return None


def _quiet(proposal: Proposal, last: PullRequest | None, now: datetime) -> str:
    """Why a closed pull request keeps us quiet, '' if it does not.

    One that we closed ourselves does not. Of one whose marker is gone nobody knows how severe it was: only time helps.
    """
    if last is None or last.state is not PullState.CLOSED or _state(last) == "closed":
        return ""
    block = block_of(last.body)
    if not proposal.quiet_for or (block is not None and proposal.severity > block.severity):
        return ""
    until = _moment(last.closed_at) + proposal.quiet_for
    if now >= until:
        return ""
    when = f"{until:%Y-%m-%d %H:%M} UTC"
    return f"#{last.number} was closed without a merge: not before {when}, unless {proposal.sooner}"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)


def _push(proposal: Proposal, seen: Seen) -> Push:
    return Push(
        branch=proposal.branch,
        onto=seen.base_tip,
        files=proposal.files,
        message=title_of(proposal.title),
        fingerprint=proposal.fingerprint,
        expected=seen.tip,
    )


def _new(proposal: Proposal) -> NewPull:
    title = title_of(proposal.title)
    return NewPull(
        branch=proposal.branch,
        base=proposal.base,
        title=title,
        body=compose("", proposal.sections, _block(proposal, title_hash(title), state="pending")),
        draft=proposal.draft,
        labels=proposal.labels,
        reviewers=proposal.reviewers,
    )


def _block(proposal: Proposal, title: str, *, state: str = "kept") -> Block:
    return Block(
        fingerprint=proposal.fingerprint,
        severity=proposal.severity,
        sequence=proposal.sequence,
        title=title,
        draft=proposal.draft,
        state=state,
        text=proposal.text,
    )


def _write(proposal: Proposal, pull: PullRequest, *, forge: Forge) -> PullRequest:
    """Our part of the text, the title while it is ours, and the draft state where we changed our mind about it."""
    block = block_of(pull.body)
    title = title_of(proposal.title)
    ours = block is not None and title_hash(pull.title) == block.title
    known = title_hash(title) if ours else block.title if block is not None else title_hash(title)
    changed = block is not None and block.draft != proposal.draft
    return forge.update(
        pull.number,
        title=title if ours else None,
        body=compose(pull.body, proposal.sections, _block(proposal, known)),
        draft=proposal.draft if changed else None,
    )


def _withdraw(key: str, base: str, reason: str, *, forge: Forge, sequence: int | None = None) -> Outcome:
    seen = look(branch_of(key), base, forge=forge)
    if seen.held:
        return _outcome(Action.HELD, f"the label {HOLD} stops all writes", seen)
    if seen.pull is None:
        return _clean(seen, forge=forge)
    if sequence is not None and seen.block is not None and seen.block.sequence > sequence:
        return _outcome(Action.LATE, LATE, seen)
    if why := touched(seen, forge=forge):
        text = f"{reason}\n\nNothing is left to propose here, but {why}: mlops-ci leaves it to you."
        _note(seen.pull.number, "left", text, forge=forge)
        return _outcome(Action.LEFT, f"nothing is left to propose, but {why}", seen)
    assert seen.block is not None
    forge.update(seen.pull.number, body=marked(seen.pull.body, replace(seen.block, state="closed")))
    _note(seen.pull.number, f"closed-{seen.block.fingerprint}", f"{reason}\n\nClosed by mlops-ci.", forge=forge)
    forge.close(seen.pull.number)
    forge.delete_branch(seen.branch, expected=seen.tip)
    return _outcome(Action.CLOSED, reason, seen)


def _clean(seen: Seen, *, forge: Forge) -> Outcome:
    """Remove our branch where no pull request was opened for it, or ours was closed by us; killed runs leave such."""
    last = seen.last
    spare = last is None or (last.state is PullState.CLOSED and _state(last) == "closed" and last.head == seen.tip)
    if not seen.tip or seen.ours is None or not spare:
        return _outcome(Action.NOTHING, "nothing is proposed", seen)
    forge.delete_branch(seen.branch, expected=seen.tip)
    gone = not forge.tip(seen.branch)
    return _outcome(Action.CLEANED if gone else Action.NOTHING, f"the branch {seen.branch} was left over", seen)


def _state(pull: PullRequest) -> str:
    block = block_of(pull.body)
    return block.state if block is not None else ""


def _frozen_note(seen: Seen) -> str:
    if seen.retargeted:
        return (
            "The base of this pull request was changed, so mlops-ci leaves it to you. Give it back its base to go on."
        )
    shown = ", ".join(f"`{commit.sha[:12]}`" for commit in seen.foreign[:SHOWN])
    more = len(seen.foreign) - SHOWN
    and_more = f" and {more} more" if more > 0 else ""
    return (
        f"This branch has commits that mlops-ci did not make ({shown}{and_more}), so it leaves branch and text to you "
        "from now on. Remove them from the branch, or close this and delete the branch, and it goes on."
    )


def _note(number: int, marker: str, text: str, *, forge: Forge) -> None:
    """One note, once: it is not repeated, and not changed."""
    if not noted(number, marker, forge=forge):
        forge.comment(number, text, marker=marker)


def _outcome(action: Action, reason: str, seen: Seen) -> Outcome:
    pull = seen.pull or (seen.last if action in (Action.QUIET, Action.HELD) else None)
    return Outcome(
        action=action,
        reason=reason,
        number=pull.number if pull else 0,
        url=pull.url if pull else "",
        head=seen.tip,
    )
