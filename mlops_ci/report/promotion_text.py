"""The text of a promotion's, or a rollback's, pull request, section by section."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_ci.records.evaluation import EvaluationDetails, Interval, MetricResult
from mlops_ci.records.promotion import Judged, PromotionFacts
from mlops_ci.report.numbers import interval
from mlops_ci.report.pull_section import section

SHORT = 12  # characters of a digest that tell two data sets apart
MOST_FILES = 50
KEYS = (
    ("version", "version"),
    ("model", "model_digest"),
    ("inputs", "inputs_digest"),
    ("image", "image_digest"),
    ("commit", "commit"),
    ("verdict", "verdict"),
    ("run", "run_id"),
)


def sections(facts: PromotionFacts) -> list[str]:
    """What changes, how both were judged, what is asked for, and how it is taken back."""
    return [_changes(facts), *_metrics(facts), *_asked(facts), _back(facts)]


def _changes(facts: PromotionFacts) -> str:
    release, now = facts.release, facts.current
    rows = [(name, getattr(now, key) or "–" if now else "–", getattr(release, key) or "–") for name, key in KEYS]
    before = "served here before" if facts.back else f"serves in {facts.source}"
    served = f"Version {release.version} {before}. Merging this serves it, byte for byte the same model, in"
    lines = [f"{served} {facts.target}; nothing is trained, built or judged again."]
    if facts.restored:
        shown = ", ".join(facts.restored[:MOST_FILES])
        more = f" and {len(facts.restored) - MOST_FILES} more" if len(facts.restored) > MOST_FILES else ""
        lines.append(f"It brings back what decided that model, as of commit {release.commit[:SHORT]}: {shown}{more}.")
    return section(
        f"{release.model}: version {release.version} in {facts.target}",
        lines,
        head=("", f"{facts.target} now", "this release"),
        rows=rows,
    )


def _metrics(facts: PromotionFacts) -> list[str]:
    """The metrics of both, each on the holdout it was judged on; their difference where one was judged by the other."""
    if facts.judged is None:
        return []
    known = facts.judged.details
    before = facts.judged_now.details if facts.judged_now else None
    paired = known is not None and facts.current is not None and known.champion_digest == facts.current.model_digest
    lines = [line for line in (_source(facts.judged), _source(facts.judged_now)) if line]
    if known is not None and before is not None and not paired:
        lines.append(_apart(known, before))
    rows = _rows(known, before, paired=paired)
    head = ("metric", f"{facts.target} now", "this release", "difference, paired")
    return [section("How both were judged" if facts.current else "How it was judged", lines, head=head, rows=rows)]


def _source(judged: Judged | None) -> str:
    if judged is None:
        return ""
    name, details = f"Version {judged.release.version}", judged.details
    if details is None:
        return f"{name}: the metrics can't be had: {judged.reason}."
    holdout = f"{details.rows:,} rows of {details.holdout} ({details.holdout_digest[:SHORT]})"
    against = f", against version {details.champion_version}" if details.champion_version else ""
    return f"{name} was judged on {holdout}{against}."


def _apart(known: EvaluationDetails, before: EvaluationDetails) -> str:
    if known.holdout_digest != before.holdout_digest:
        return "They were judged on different holdouts: the two columns of numbers can't be compared."
    return "This release was not judged against what serves here now, so there is no paired difference."


def _rows(
    known: EvaluationDetails | None, before: EvaluationDetails | None, *, paired: bool
) -> list[tuple[str, str, str, str]]:
    ours, theirs = _by_name(known), _by_name(before)
    return [
        (
            name,
            interval(ours[name].champion if paired and name in ours else _candidate(theirs.get(name))),
            interval(_candidate(ours.get(name))),
            interval(ours[name].difference if paired and name in ours else None, signed=True),
        )
        for name in dict.fromkeys((*ours, *theirs))
    ]


def _by_name(details: EvaluationDetails | None) -> dict[str, MetricResult]:
    return {item.metric: item for item in details.metrics} if details is not None else {}


def _candidate(result: MetricResult | None) -> Interval | None:
    return result.candidate if result is not None else None


def _asked(facts: PromotionFacts) -> list[str]:
    if facts.back:
        return []
    serves: Sequence[str] = (
        f"serves in {facts.proven_in}",
        facts.soak or "–",
        f"since {facts.since}" if facts.since else "not now",
    )
    approvals = ("approvals", str(facts.approvals or "–"), ", ".join(facts.approved) or "nobody's")
    return [section("What is asked for", head=("", "asked for", "so far"), rows=[serves, approvals])]


def _back(facts: PromotionFacts) -> str:
    """The names are of letters, digits and '-' alone (config/release_file.py), and so may stand as code."""
    if facts.current is None and not facts.restored:
        line = "Nothing is to serve here now, so `git revert` of the merge stops serving here."
        return "\n\n".join([section("Taking it back"), line])
    line = "What serves now is served again, from what was recorded, by `git revert` of the merge"
    if facts.back:
        return "\n\n".join([section("Taking it back"), f"{line}."])
    command = f"    mlops-ci rollback --model {facts.release.model} --environment {facts.target}"
    return "\n\n".join([section("Taking it back"), f"{line}, or by", command])
