"""Answer drift with one pull request per model: newer data, a challenger trained on it, and the verdict on it.

Who has a say comes first, then what stands already; only then are hours spent on data and training. After them the
forge is looked at anew: a person may have closed, held or merged meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from mlops_ci.config.durations import seconds
from mlops_ci.config.types import Model
from mlops_ci.digests.canonical import digest_of
from mlops_ci.ports.forge import Forge
from mlops_ci.records.codec import encode
from mlops_ci.records.drift import DriftDetails
from mlops_ci.records.forge import PullState
from mlops_ci.records.living import Action, Outcome, Proposal
from mlops_ci.records.results import StageResult, Status, Verdict
from mlops_ci.records.retraining import Challenger, RetrainFacts
from mlops_ci.stages import living
from mlops_ci.stages.drift_signal import FINE, METRIC_BAND, told
from mlops_ci.stages.living_state import Seen, look

STAGE = "retrain"
TRIES = 3
DATA, SAME = "data", "same"  # the output of a workshop that found nothing newer
SHOWN = 3
HALF = 32  # hexadecimal digits of a text's name that say what was asked; the others are of what is told
PASSING = (Action.OPENED, Action.UPDATED, Action.UNCHANGED, Action.CLOSED, Action.CLEANED)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A drift result of a model and what its pull request is made with. `quiet` says that the forge starts no
    workflow for what is opened with this token."""

    model: Model
    drift: StageResult
    details: DriftDetails
    base: str
    now: datetime
    quiet: bool = False

    @property
    def key(self) -> str:
        """The one name of this model's retraining pull request."""
        return f"retrain/{self.model.name}"

    @property
    def title(self) -> str:
        signal = self.details.signal
        columns = signal.columns
        more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
        found = [f"{signal.metric} fell"] if signal.metric else []
        if columns or not found:
            found.append(f"drift in {', '.join(columns[:SHOWN]) or 'all rows'}{more}")
        return f"Retrain {self.model.name}: {', '.join(found)}"

    @property
    def sequence(self) -> int:
        """Grows with the data, so that neither a clock that was set back nor a base with fewer commits counts."""
        newest = self.details.newest
        if not newest:
            return 0
        return int(datetime.strptime(newest, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp())


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Where a challenger is made. `inputs` names, in hexadecimal, what decides the model in a commit; `overlaps` says
    whether the base has changed, since a commit, in what a branch changes; `make` makes the challenger on a commit, or
    says what came in its place. Its second argument is kept with what it leaves half done."""

    inputs: Callable[[str], str]
    overlaps: Callable[[str, Seen], bool]
    make: Callable[[str, str], Challenger | StageResult]


Text = Callable[[RetrainFacts], Sequence[str]]


def retrain(case: Case, *, forge: Forge, workshop: Workshop, text: Text) -> StageResult:
    """Open the pull request, keep it current, close it, or say why not.

    Raises StageFailed where the user's commands fail, BackendError where DVC, MLflow or the forge does.
    """
    signal = case.details.signal
    if signal.consecutive < signal.needed:
        return _calm(case, forge)
    seen = look(f"mlops-ci/{case.key}", case.base, forge=forge)
    question = _question(case, workshop.inputs(seen.base_tip))
    if (bar := living.barred(_proposal(case), forge=forge, now=case.now)) is not None:
        return _result(case, bar)
    if _stands(seen, question, workshop):
        assert seen.pull is not None
        reason = "it answers these windows already"
        found = Outcome(action=Action.UNCHANGED, reason=reason, number=seen.pull.number, url=seen.pull.url)
        return _result(case, replace(found, head=seen.tip))
    if why := _cooling(case, seen, forge):
        return _skipped(case, why)
    return _propose(case, forge=forge, workshop=workshop, text=text)


def _calm(case: Case, forge: Forge) -> StageResult:
    """Too few windows in a row breach; where the newest one is fine again, nothing is left to propose."""
    signal = case.details.signal
    if signal.breach:
        return _skipped(case, "nothing new comes from production, so there is nothing to train on")
    if signal.consecutive:
        return _skipped(case, signal.in_a_row)
    if not any(item.state == FINE for item in case.details.windows):
        return _skipped(case, "no window could be judged")
    if _unlabelled(case.details) and _of_metric(case, forge):
        return _skipped(case, "no window has labels, so whether the metric is as it was can't be told")
    newest = next(item.window.name for item in reversed(case.details.windows) if item.state == FINE)
    reason = f"Production is as it was: no breach in {newest}."
    outcome = living.withdraw(case.key, case.base, forge=forge, reason=reason, sequence=case.sequence)
    if outcome.action is Action.NOTHING:
        return _skipped(case, "no breach")
    return _result(case, outcome)


def _unlabelled(details: DriftDetails) -> bool:
    """Whether labels should come, and none are there."""
    found = [item.decay for item in details.windows if item.decay is not None]
    return bool(found) and not details.late and not any(map(told, found))


def _of_metric(case: Case, forge: Forge) -> bool:
    """Whether the open pull request may be about a metric that fell: nothing else is as severe, or hardly anything."""
    block = look(f"mlops-ci/{case.key}", case.base, forge=forge).block
    return block is not None and block.severity >= METRIC_BAND


def _question(case: Case, inputs: str) -> str:
    """What is asked: these windows, of this champion, from this state of the repository."""
    asked = case.model.retrain
    return digest_of([case.details.signal.fingerprint, inputs, asked.refresh, asked.holdout])[:HALF]


def _stands(seen: Seen, question: str, workshop: Workshop) -> bool:
    """Whether the open pull request answers this, on a base that left its files alone."""
    block, ours = seen.block, seen.ours
    if block is None or ours is None or block.state != "kept" or ours.fingerprint != block.fingerprint:
        return False
    if not block.text.startswith(question):
        return False
    return ours.parents[0] == seen.base_tip or not workshop.overlaps(ours.parents[0], seen)


def _cooling(case: Case, seen: Seen, forge: Forge) -> str:
    """Why the last merge keeps us from opening another one, '' if it does not."""
    if seen.pull is not None:
        return ""
    merged = next(iter(forge.pulls(branch=seen.branch, base=case.base, state=PullState.MERGED)), None)
    if merged is None or not merged.closed_at:
        return ""
    closed = datetime.fromisoformat(merged.closed_at.replace("Z", "+00:00")).astimezone(timezone.utc)
    until = closed + timedelta(seconds=seconds(case.model.retrain.cooldown))
    if case.now >= until:
        return ""
    return f"#{merged.number} was merged not long ago: the next comes from {until:%Y-%m-%d %H:%M} UTC on"


def _propose(case: Case, *, forge: Forge, workshop: Workshop, text: Text) -> StageResult:
    """Make the challenger on the base that is there when it is ready."""
    for _ in range(TRIES):
        tip = forge.tip(case.base)
        question = _question(case, workshop.inputs(tip))
        made = workshop.make(tip, question)
        if isinstance(made, StageResult):
            return _nothing_made(case, made, forge)
        if forge.tip(case.base) == tip:
            break
    else:
        return _skipped(case, f"{case.base} moved {TRIES} times while the challenger was made; the next run goes on")
    facts = RetrainFacts(
        model=case.model.name,
        drift=case.drift,
        challenger=made,
        branch=f"mlops-ci/{case.key}",
        draft=worse(made),
        quiet=case.quiet,
    )
    sections = tuple(text(facts))
    proposal = replace(
        _proposal(case),
        files=made.files,
        fingerprint=digest_of({path: _name(content) for path, content in made.files.items()}),
        sections=sections,
        text=f"{question}{digest_of(list(sections))[:HALF]}",
        draft=facts.draft != "",
    )
    return _result(case, living.keep(proposal, forge=forge, now=case.now), made)


def _nothing_made(case: Case, made: StageResult, forge: Forge) -> StageResult:
    """Where the base has the data already, as when another model's pull request brought it, nothing is proposed."""
    if made.outputs.get(DATA) == SAME:
        reason = f"{case.base} has this data already: there is nothing to train on."
        outcome = living.withdraw(case.key, case.base, forge=forge, reason=reason, sequence=case.sequence)
        if outcome.action is not Action.NOTHING:
            return _result(case, outcome)
    return replace(made, stage=STAGE)


def worse(made: Challenger) -> str:
    """Why the challenger should not be merged as it is, as a sentence; '' where nothing speaks against it."""
    for result, rows in ((made.evaluated, "the holdout"), (made.fresh, "the newest labelled rows")):
        if result is None:
            continue
        if result.outputs.get("verdict") == Verdict.WORSE.value:
            return f"The challenger is worse than the champion on {rows}."
        if result.status is not Status.PASSED:
            red = [check.name for check in result.checks if check.red]
            return f"The challenger fails on {rows}: {', '.join(red[:SHOWN]) or result.reason}."
    return ""


def _name(content: bytes | None) -> str:
    return hashlib.sha256(content).hexdigest() if content is not None else ""


def _proposal(case: Case) -> Proposal:
    """What is known before a challenger is made."""
    asked = case.model.retrain
    return Proposal(
        key=case.key,
        base=case.base,
        title=case.title,
        sections=(),
        files={},
        fingerprint="",
        severity=case.details.signal.band,
        sequence=case.sequence,
        reviewers=asked.reviewers,
        quiet_for=timedelta(seconds=seconds(asked.quiet)),
    )


def _skipped(case: Case, reason: str) -> StageResult:
    return StageResult(stage=STAGE, model=case.model.name, status=Status.SKIPPED, reason=reason)


def _result(case: Case, outcome: Outcome, made: Challenger | None = None) -> StageResult:
    done = f"pull request #{outcome.number} {outcome.action.value}: " if outcome.number else ""
    outputs = {"pr": str(outcome.number or ""), "pr-url": outcome.url}
    if made is not None:
        outputs["inputs-digest"] = made.inputs_digest
        outputs["model-digest"] = made.trained.outputs.get("model-digest", "")
        outputs["verdict"] = made.evaluated.outputs.get("verdict", "")
    return StageResult(
        stage=STAGE,
        model=case.model.name,
        status=Status.PASSED if outcome.action in PASSING else Status.SKIPPED,
        reason=f"{done}{outcome.reason}",
        outputs=outputs,
        details=encode(outcome),
    )
