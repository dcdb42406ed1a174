"""The text of a retraining's pull request, section by section."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.records.codec import decode
from mlops_ci.records.drift import DriftDetails
from mlops_ci.records.evaluation import EvaluationDetails
from mlops_ci.records.results import StageResult
from mlops_ci.records.retraining import Challenger, RetrainFacts
from mlops_ci.report import drift_markdown
from mlops_ci.report.clean import plain
from mlops_ci.report.drift_text import BANDS
from mlops_ci.report.numbers import interval
from mlops_ci.report.pull_section import section

SHORT = 12
MOST = 50
STARTS_NOTHING = (
    "This was opened with GITHUB_TOKEN, and GitHub starts no workflow for such a pull request: the judgement above was "
    "made by the run that opened it, with the stages that judge every pull request. Where a required check is missing, "
    "close this and open it again, or give the drift workflow the token of an App."
)


def sections(facts: RetrainFacts) -> list[str]:
    """Why, what was made and how it was judged, the drift in numbers, and how all of it is done again."""
    return [_why(facts), _data(facts), *_judged(facts), *_drift(facts), _again(facts), *_token(facts)]


def _why(facts: RetrainFacts) -> str:
    signal = decode(DriftDetails, facts.drift.details).signal
    lines = [f"{facts.drift.reason}."]
    if facts.draft:
        lines.append(f"{facts.draft} That is why this is a draft.")
    band = BANDS[signal.band] if signal.band else "–"
    red = [*([signal.metric] if signal.metric else []), *signal.columns]
    rows = [
        ("windows that breach", ", ".join(signal.windows)),
        ("what is red in them", ", ".join(red) or "all rows"),
        ("severity", band),
    ]
    return section(f"{facts.model} is retrained on newer data", lines, head=("drift", ""), rows=rows)


def _data(facts: RetrainFacts) -> str:
    made = facts.challenger
    rows = [(item.path, _name(item.old), _name(item.new)) for item in made.changes[:MOST]]
    lines = [f"The data is at the DVC remote {made.remote}."]
    if not made.remote:
        lines = [
            "There is no DVC remote: the new data is in the cache of the machine that made this, and nowhere else."
        ]
    if len(made.changes) > MOST:
        lines.append(f"{len(made.changes) - MOST} more files have changed.")
    if made.left_out:
        named = ", ".join(made.left_out[:MOST])
        lines.append(f"The refresh has changed other files, which are not part of this: {named}.")
    return section("What is new", lines, head=("data", "before", "now"), rows=rows)


def _name(content: str) -> str:
    kind, _, digest = content.partition(":")
    return f"{kind} {digest[:SHORT]}" if digest else content[:SHORT] or "–"


def _judged(facts: RetrainFacts) -> Iterator[str]:
    made = facts.challenger
    yield _judgement("How the challenger was judged", made.evaluated, made)
    if made.fresh is not None:
        yield _judgement("On the newest labelled rows", made.fresh, made)


def _judgement(heading: str, result: StageResult, made: Challenger) -> str:
    if not result.details:
        return section(heading, [result.reason or "It was not judged."])
    details = decode(EvaluationDetails, result.details)
    against = f", against version {details.champion_version}" if details.champion_version else ""
    verdict = details.verdict.value if details.verdict else "none"
    lines = [
        f"Verdict: {details.verdict_reason or verdict}.",
        f"{details.rows:,} rows of {details.holdout} ({details.holdout_digest[:SHORT]}){against}; "
        f"run {made.trained.outputs.get('run', '')}, model {details.candidate_digest[:SHORT]}.",
    ]
    lines += [f"Red: {check.name}: {check.message or check.status.value}" for check in result.checks if check.red]
    rows = [
        (item.metric, interval(item.champion), interval(item.candidate), interval(item.difference, signed=True))
        for item in details.metrics
    ]
    return section(heading, lines, head=("metric", "champion", "challenger", "difference, paired"), rows=rows)


def _drift(facts: RetrainFacts) -> Iterator[str]:
    """The drift report as a job's summary has it, without its heading, which was said above."""
    return (text for text in list(drift_markdown.sections(facts.drift))[1:])


def _again(facts: RetrainFacts) -> str:
    """The names are of letters, digits, `-` and `_` alone; commands are the config's, indented as code."""
    made = facts.challenger
    brought = "\n".join(f"    {plain(line)}" for command in made.brought for line in command.splitlines())
    commands = [
        f"    git fetch origin {facts.branch} && git switch --detach FETCH_HEAD",
        f"    mlops-ci pull-request --model {facts.model}",
    ]
    before = section("How to do it again", [f"On commit {made.base[:SHORT]}, the data came by:"])
    told = "Training and judgement, on any machine that reaches the DVC remote:"
    return "\n\n".join((before, brought, told, "\n".join(commands)))


def _token(facts: RetrainFacts) -> Iterator[str]:
    if facts.quiet:
        yield section("Workflows", [STARTS_NOTHING])
