"""A drift result as Markdown: for a job's summary, and for the body of a retraining pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_ci.records.codec import decode
from mlops_ci.records.drift import ColumnDrift, Decay, DriftDetails, WindowResult
from mlops_ci.records.results import Check, StageResult, Status
from mlops_ci.report.clean import markdown as clean
from mlops_ci.report.drift_text import BANDS, last, short
from mlops_ci.report.markdown import BUDGET, SIGNS, check_sign, table
from mlops_ci.report.numbers import interval, number, share

ENGINES = {"duckdb": "DuckDB", "spark": "Spark"}
STATES = {"breach": "❌ breach", "fine": "✅ fine", "unjudged": "– too few rows"}


def render(result: StageResult, *, budget: int = BUDGET) -> str:
    """Whole sections, as many as fit into `budget` bytes."""
    kept, used = [], 0
    for section in sections(result):
        used += len(section.encode()) + 2
        if used > budget:
            kept.append("_More did not fit; the full report has everything._")
            break
        kept.append(section)
    return "\n\n".join(kept) + "\n"


def sections(result: StageResult) -> Iterator[str]:
    """The answer first, then what is red, the columns, the metric, the trend."""
    word = "DRIFT" if result.status is Status.FAILED else "no breach"
    if result.failure is not None:
        word = "ERROR"
    yield f"## {SIGNS[result.status]} {clean(result.model)}: {word}\n\n**{clean(result.reason)}**"
    if result.failure is not None and result.failure.hint:
        yield "\n".join(f"> {clean(line)}  " for line in result.failure.hint.splitlines())
    if result.checks:
        rows = [(check_sign(item), clean(item.name), clean(item.message)) for item in ordered(result)]
        yield "### Checks\n\n" + table(("", "check", "found"), rows)
    if result.details:
        yield from _details(decode(DriftDetails, result.details))


def ordered(result: StageResult) -> list[Check]:
    """The checks, the red ones first."""
    return sorted(result.checks, key=lambda item: (not item.red, item.status is Status.PASSED))


def _details(details: DriftDetails) -> Iterator[str]:
    newest = last(details)
    if newest is not None:
        yield _columns(details, newest)
        if newest.decay is not None:
            yield "### Metric\n\n" + _decay(newest.decay)
    if details.windows:
        yield "### Windows\n\n" + _trend(details.windows)
    if details.notes:
        yield "\n".join(f"- {clean(note)}" for note in details.notes)
    signal = details.signal
    band = f", band {BANDS[signal.band]}" if signal.band else ""
    yield (
        f"_Version {clean(details.version)} (model {details.model_digest[:12]}) in {clean(details.environment)}; "
        f"{signal.in_a_row}{band}; {clean(details.source)}._"
    )


def _columns(details: DriftDetails, newest: WindowResult) -> str:
    judged = (
        f"Evidently on {newest.sampled:,} of"
        if newest.sampled
        else f"{ENGINES.get(newest.engine, newest.engine)} on all"
    )
    head = (
        f"### {clean(short(newest.window.name))}\n\n{judged} {newest.rows:,} rows, against a sample of "
        f"{details.reference_sample:,} of {details.reference_rows:,} training rows. The columns are in the order of "
        "distance ÷ limit × importance.\n\n"
    )
    rows = [_row(item, "prediction") for item in newest.predictions] + [_row(item, "") for item in newest.columns]
    return head + table(("", "column", "distance", "limit", "all rows", "importance", "method"), rows)


def _row(item: ColumnDrift, what: str) -> Sequence[str]:
    name = clean(item.name) + (f" ({what})" if what else "")
    if item.value is None:
        return "–", name, clean(item.reason), "", "", share(item.importance), ""
    sign = "❌" if item.drifted else "✅"
    found = (number(item.value), number(item.threshold), number(item.full), share(item.importance))
    return sign, name, *found, item.method


def _decay(decay: Decay) -> str:
    arrow = "↑" if decay.higher_is_better else "↓"
    rows = [
        (
            f"{clean(decay.metric)} {arrow}",
            f"{decay.labelled:,} of {decay.rows:,}",
            interval(decay.current),
            interval(decay.holdout),
            interval(decay.difference, signed=True),
            interval(decay.since, signed=True),
        )
    ]
    text = table(("metric", "labelled", "window", "holdout", "difference", "since the last good window"), rows)
    return text + (f"\n\n_{clean(decay.reason)}._" if decay.reason else "")


def _trend(windows: Sequence[WindowResult]) -> str:
    rows = [
        (
            clean(short(item.window.name)),
            f"{item.rows:,}",
            share(item.share),
            number(max((p.value for p in item.predictions if p.value is not None), default=None)),
            interval(item.decay.current) if item.decay else "–",
            STATES[item.state] + (f" ({BANDS[item.band]})" if item.band else ""),
        )
        for item in windows
    ]
    return table(("window", "rows", "columns drifted", "predictions", "metric", "state"), rows)
