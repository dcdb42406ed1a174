"""A report as Markdown: verdict first, within a budget of bytes, cut at section borders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_ci.records.evaluation import EvaluationDetails, Flips
from mlops_ci.records.results import Check, StageResult, Status
from mlops_ci.records.validation import ExpectationResult, ValidationDetails
from mlops_ci.report.clean import code
from mlops_ci.report.clean import line as begin
from mlops_ci.report.clean import markdown as clean
from mlops_ci.report.collect import ModelReport, Report
from mlops_ci.report.headline import headline
from mlops_ci.report.numbers import duration, flipped, interval, number, reproduce, size
from mlops_ci.report.terminal import counts

BUDGET = 60_000
ROWS = 50
SIGNS = {Status.PASSED: "✅", Status.FAILED: "❌", Status.SKIPPED: "⏭️", Status.ERROR: "💥", Status.STALE: "⌛"}


def render(report: Report, *, budget: int = BUDGET) -> str:
    """All models; whole sections are left out at the end where the budget ends, and it says which."""
    sections = [section for model in report.models for section in _model(model)]
    kept: list[str] = []
    used = 200
    for index, section in enumerate(sections):
        used += len(section.encode()) + 2
        if used > budget:
            left = len(sections) - index
            kept.append(f"_{left} more section{'s' * (left > 1)} did not fit; the full report has everything._")
            break
        kept.append(section)
    return "\n\n".join(kept) + "\n"


def _model(model: ModelReport) -> Iterator[str]:
    yield f"## {SIGNS[model.worst]} {clean(model.model)}\n\n**{clean(headline(model.results))}**"
    if model.notes:
        yield "\n".join(f"> {begin(note)}" for note in model.notes)
    yield from failures(model.results)
    yield from _gates(model)
    if model.evaluation is not None:
        yield from _evaluation(model.evaluation)
    if model.validation is not None:
        yield from validation(model.validation)
    yield from reasons(model)
    yield "### Stages\n\n" + stages(model)
    yield "### Digests\n\n" + digests(model) + _again(model)


def failures(results: Sequence[StageResult]) -> Iterator[str]:
    """The errors that ended a stage, each with what to do."""
    for result in results:
        if result.failure is not None:
            lines = [f"**{clean(result.stage)}: {clean(result.failure.message)}**"]
            lines += [f"> {begin(line)}  " for line in result.failure.hint.splitlines()[:30]]
            yield "\n".join(lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cleaned cells, at most 50 rows."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows[:ROWS]]
    if len(rows) > ROWS:
        lines.append(f"\n_{len(rows) - ROWS} more rows are in the full report._")
    return "\n".join(lines)


def check_sign(check: Check) -> str:
    """A check's state in a word, so that no colour is needed."""
    if check.override and check.status is not Status.PASSED:
        return "🔶 overridden"
    if check.red:
        return "❌ failed"
    return "✅ passed" if check.status is Status.PASSED else "⚠️ warned"


def _gates(model: ModelReport) -> Iterator[str]:
    result = model.stage("evaluate")
    if result is None or not result.checks:
        return
    yield "### Gates\n\n" + checks("gate", result.checks)


def checks(what: str, checks: Sequence[Check]) -> str:
    """Checks as a table, the red ones first."""
    rows = [
        (check_sign(check), clean(check.name), clean(check.message), clean(check.override or check.where))
        for check in sorted(checks, key=lambda check: (not check.red, check.status is Status.PASSED))
    ]
    return table(("", what, "found", "where"), rows)


def metrics(details: EvaluationDetails) -> str:
    """Every metric of both models, and their difference."""
    rows = [
        (
            clean(item.metric) + (" ↑" if item.higher_is_better else " ↓"),
            interval(item.candidate),
            interval(item.champion),
            interval(item.difference, signed=True),
            number(item.p_value),
            item.verdict.value if item.verdict else "–",
        )
        for item in details.metrics
    ]
    return table(("metric", "candidate", "champion", "difference", "p", "verdict"), rows)


def _evaluation(details: EvaluationDetails) -> Iterator[str]:
    if details.metrics:
        yield "### Metrics\n\n" + metrics(details)
    if details.param_changes:
        changes = [(clean(item.name), clean(item.old) or "–", clean(item.new) or "–") for item in details.param_changes]
        yield "### Parameters against the champion's\n\n" + table(("parameter", "champion", "candidate"), changes)
    if details.slices:
        yield "### Slices\n\n" + slices(details)
    if details.flips is not None:
        yield "### Flips\n\n" + flips(details.flips)


def flips(found: Flips) -> str:
    """The rows whose answer changed."""
    return (
        f"Of {found.rows:,} rows {found.mended:,} were mended, {found.broken:,} broken, "
        f"and {found.other:,} changed without being right."
    )


def slices(details: EvaluationDetails) -> str:
    """Every slice, tested or not."""
    rows = [
        (
            "❌" if item.failed else "✅" if item.tested else "–",
            f"{clean(item.by)} = {clean(item.value)}" + (f" ({clean(item.reason)})" if item.reason else ""),
            f"{item.rows:,}",
            clean(item.metric),
            number(item.candidate),
            number(item.champion),
            number(item.drop, signed=True),
            number(item.p_value),
            flipped(details, item),
        )
        for item in details.slices
    ]
    return table(("", "slice", "rows", "metric", "candidate", "champion", "drop", "p (Holm)", "mended / broken"), rows)


def validation(details: ValidationDetails) -> Iterator[str]:
    """Each data set: its expectations that do not hold, and what differs from the champion's."""
    for dataset in details.datasets:
        bad = [item for item in dataset.expectations if item.status is not Status.PASSED]
        held = len(dataset.expectations) - len(bad)
        title = f"### Data: {clean(dataset.data)}\n\n"
        if dataset.rows < 0:
            yield f"{title}❌ {clean(dataset.error)}"
            continue
        text = f"{title}{dataset.rows:,} rows, {held} of {len(dataset.expectations)} expectations hold."
        if bad:
            text += "\n\n" + table(("expectation", "found", "examples"), [expectation(item) for item in bad])
        yield text
        if dataset.diff is not None and dataset.diff.columns:
            diff = dataset.diff
            rows = [(clean(c.column), clean(c.what), clean(c.old) or "–", clean(c.new) or "–") for c in diff.columns]
            head = f"#### Against {clean(diff.champion)}'s data\n\n{diff.rows_old:,} → {diff.rows_new:,} rows\n\n"
            yield head + table(("column", "what", "was", "is"), rows)


def expectation(item: ExpectationResult) -> tuple[str, str, str]:
    """What was expected, what was found, and a few rows."""
    examples = "; ".join(
        ", ".join(f"{clean(k)} = {clean(v, longest=60)}" for k, v in row.items()) for row in item.examples
    )
    return clean(item.sentence), clean(counts(item)), examples or "–"


def reasons(model: ModelReport) -> Iterator[str]:
    """What differs from the base, and what was found before any stage ran."""
    if model.affected is not None and model.affected.changes:
        lines = [f"- {clean(change.sentence())}" for change in model.affected.changes[:ROWS]]
        yield "### Why it was judged\n\n" + "\n".join(lines)
    if model.warnings:
        yield "### To know about\n\n" + checks("what", model.warnings)


def stages(model: ModelReport) -> str:
    """How each stage ended and what it cost."""
    rows = [
        (clean(r.stage), r.status.value, duration(r.seconds), duration(r.cpu_seconds), clean(r.reason))
        for r in model.results
    ]
    text = table(("stage", "status", "time", "processor time", ""), rows)
    training = model.training
    if training is not None and not training.reused:
        memory = f", peak memory {size(training.peak_memory_mb * 1e6)}" if training.peak_memory_mb else ""
        text += (
            f"\n\nTraining took {duration(training.train_seconds)}{memory}; the model has {size(training.model_bytes)}."
        )
    return text


def digests(model: ModelReport) -> str:
    """What was judged, by digest."""
    rows = []
    if (training := model.training) is not None:
        rows += [("inputs", training.inputs_digest), ("model", training.model_digest), ("MLflow run", training.run_id)]
    if (evaluation := model.evaluation) is not None:
        rows += [("holdout", evaluation.holdout_digest), ("judgement", evaluation.judgement_digest)]
    origin = next((result.origin for result in model.results), None)
    if origin is not None:
        rows += [("commit", origin.commit + (" + uncommitted changes" if origin.dirty else "")), ("base", origin.base)]
    return table(("what", ""), [(name, code(value)) for name, value in rows if value])


def _again(model: ModelReport) -> str:
    origin = next((result.origin for result in model.results), None)
    return f"\n\nReproduce: {code(reproduce(origin, model.model))}" if origin else ""
