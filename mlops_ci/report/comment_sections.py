"""What the comment tells of one model: in the open what a reviewer decides by, folded what they may look up."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.records.evaluation import EvaluationDetails, SliceResult
from mlops_ci.records.results import Status
from mlops_ci.records.validation import ColumnChange, ValidationDetails
from mlops_ci.report import markdown
from mlops_ci.report.clean import code, line
from mlops_ci.report.clean import markdown as clean
from mlops_ci.report.collect import ModelReport
from mlops_ci.report.markdown import table
from mlops_ci.report.mermaid import drops
from mlops_ci.report.numbers import duration, flipped, number, reproduce, size

MOST = 10  # rows in the open; the folds have more
MOST_SLICES = 5


def first_sections(model: ModelReport) -> Iterator[str]:
    """What failed, the metrics, what changed, where it fails."""
    if model.notes:
        yield "\n".join(f"> {line(note)}  " for note in model.notes)
    yield from markdown.failures(model.results)
    yield from _red(model)
    if (details := model.evaluation) is not None:
        if details.metrics:
            flips = f"\n\n{markdown.flips(details.flips)}" if details.flips is not None else ""
            yield "**Metrics**\n\n" + markdown.metrics(details) + flips
        yield from _where(details)
    yield from _bad_data(model.validation)
    yield from _changed(model)


def folded_sections(model: ModelReport, *, named: bool) -> Iterator[str]:
    """Folds; their titles are ours alone, since text in HTML is escaped by other rules. `named` puts the model's name
    inside."""
    caption = f"**{clean(model.model, longest=80)}**\n\n" if named else ""

    def fold(title: str, *parts: str) -> str:
        return f"<details><summary>{title}</summary>\n\n{caption}" + "\n\n".join(parts) + "\n\n</details>"

    result, details = model.stage("evaluate"), model.evaluation
    if result is not None and result.checks:
        yield fold(f"All {len(result.checks)} gates", markdown.checks("gate", result.checks))
    if details is not None and details.slices:
        yield fold(f"All {len(details.slices)} slices", markdown.slices(details))
    if model.validation is not None and (parts := list(markdown.validation(model.validation))):
        yield fold("Data", *parts)
    if parts := list(markdown.reasons(model)):
        yield fold("Reasons and warnings", *parts)
    if model.results:
        yield fold("Cost and time", *_cost(model))
        yield fold("Digests, and how to judge it again", *_digests(model))


def _red(model: ModelReport) -> Iterator[str]:
    """The checks that turned it red, those of every stage."""
    red = [check for result in model.results for check in result.checks if check.red]
    if red:
        yield "**What failed**\n\n" + markdown.checks("check", red[:MOST]) + _more(len(red))


def _where(details: EvaluationDetails) -> Iterator[str]:
    """The slices that lost more than they may, or else those that lost most; charts where there are enough of them."""
    tested = sorted((item for item in details.slices if item.tested), key=lambda item: -(item.drop or 0.0))
    failed = [item for item in tested if item.failed]
    worst = failed[:MOST] or [item for item in tested[:MOST_SLICES] if (item.drop or 0.0) > 0]
    if not worst:
        return
    heading = "Where it fails" if failed else "Where it is weaker, within what is allowed"
    rows = [_slice(details, item) for item in worst]
    text = f"**{heading}**\n\n" + table(("slice", "rows", "metric", "drop", "allowed", "mended / broken"), rows)
    yield text + _more(len(failed))
    yield from drops(details.slices)


def _slice(details: EvaluationDetails, item: SliceResult) -> tuple[str, ...]:
    return (
        f"{clean(item.by, longest=60)} = {clean(item.value, longest=60)}",
        f"{item.rows:,}",
        clean(item.metric, longest=60),
        number(item.drop, signed=True),
        number(item.max_drop),
        flipped(details, item),
    )


def _bad_data(details: ValidationDetails | None) -> Iterator[str]:
    """The expectations that do not hold, with examples."""
    found = details.datasets if details is not None else ()
    bad = [item for dataset in found for item in dataset.expectations if item.status is not Status.PASSED]
    if bad:
        head = ("expectation", "found", "examples")
        yield "**Data**\n\n" + table(head, [markdown.expectation(item) for item in bad[:MOST]]) + _more(len(bad))


def _changed(model: ModelReport) -> Iterator[str]:
    """Parameters and data against the champion's, or what made the commit affect the model."""
    details, validation = model.evaluation, model.validation
    rows = [("parameter", clean(c.name), clean(c.old), clean(c.new)) for c in details.param_changes] if details else []
    for dataset in validation.datasets if validation is not None else ():
        if (diff := dataset.diff) is not None:
            if diff.rows_old != diff.rows_new:
                rows.append(("data", f"rows of {clean(diff.data)}", f"{diff.rows_old:,}", f"{diff.rows_new:,}"))
            rows += [_column(diff.data, column) for column in diff.columns]
    if not rows and model.affected is not None:
        rows = [(clean(c.kind), clean(c.name), clean(c.old), clean(c.new)) for c in model.affected.changes]
    if rows:
        shown = [tuple(cell or "–" for cell in row) for row in rows[:MOST]]
        yield "**What changed**\n\n" + table(("", "what", "was", "is"), shown) + _more(len(rows))


def _column(data: str, change: ColumnChange) -> tuple[str, str, str, str]:
    what = f"{clean(change.column)} of {clean(data)}: {clean(change.what)}"
    return "data", what, clean(change.old), clean(change.new)


def _more(count: int) -> str:
    return f"\n\n_{count - MOST:,} more are in the full report._" if count > MOST else ""


def _cost(model: ModelReport) -> Iterator[str]:
    yield markdown.stages(model)
    training, details = model.training, model.evaluation
    if training is not None and training.reused:
        yield "It was trained before, from the same inputs."
    if details is not None and (facts := details.serving) is not None:
        yield (
            f"Its server answers in {facts.p50_ms:.1f} ms, 99 of 100 in {facts.p99_ms:.1f} ms, needs "
            f"{size(facts.memory_mb * 1e6)} of memory, and is ready after {duration(facts.ready_seconds)}."
        )


def _digests(model: ModelReport) -> Iterator[str]:
    yield markdown.digests(model)
    origin = next((result.origin for result in model.results), None)
    if origin is not None and origin.commit:
        yield f"Judge it again: {code(reproduce(origin, model.model))}"
