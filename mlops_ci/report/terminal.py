"""Results as text for a terminal: verdict first, then what is red, then the numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from mlops_ci.records.codec import decode
from mlops_ci.records.drift import DriftDetails
from mlops_ci.records.evaluation import EvaluationDetails
from mlops_ci.records.results import Check, StageResult, Status
from mlops_ci.records.validation import DatasetValidation, ExpectationResult, ValidationDetails
from mlops_ci.report import drift_text
from mlops_ci.report.clean import plain
from mlops_ci.report.headline import headline
from mlops_ci.report.numbers import duration, flipped, interval, number, reproduce, share

MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.SKIPPED: "–", Status.ERROR: "✗", Status.STALE: "✗"}
COLORS = {Status.PASSED: "32", Status.FAILED: "31", Status.SKIPPED: "2", Status.ERROR: "31", Status.STALE: "31"}

MOST_LINES = 5


def render(results: Sequence[StageResult], *, width: int = 100, color: bool = False) -> str:
    """All results, model by model."""
    models = dict.fromkeys(result.model for result in results)
    blocks = [_Block(width, color).model(name, [r for r in results if r.model == name]) for name in models]
    return "\n".join(blocks)


class _Block:
    """One model's text."""

    def __init__(self, width: int, color: bool) -> None:
        self.width = width
        self.color = color

    def paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.color else text

    def model(self, name: str, results: Sequence[StageResult]) -> str:
        worst = next((r.status for r in results if r.status is not Status.PASSED), Status.PASSED)
        title = textwrap.wrap(f"{plain(name)}: {plain(headline(results))}", self.width, subsequent_indent="  ")
        lines = [self.paint(line, f"1;{COLORS[worst]}") for line in title]
        for result in results:
            lines += self.stage(result)
        lines += self.provenance(name, results)
        return "\n".join(lines) + "\n"

    def stage(self, result: StageResult) -> Iterator[str]:
        mark = self.paint(MARKS[result.status], COLORS[result.status])
        reason = f"  {plain(result.reason)}" if result.reason else ""
        line = f"{result.stage:<9} {duration(result.seconds):>8}{reason}"
        if result.status in (Status.PASSED, Status.SKIPPED):
            yield self.cut(f"  {mark} {line}")
        else:  # what went wrong is read to its end
            first, *rest = textwrap.wrap(line, self.width + 8, subsequent_indent="      ", break_on_hyphens=False)
            yield f"  {mark} {first}"
            yield from rest
        if result.failure is not None and result.failure.hint:
            yield from (f"      {plain(line)}" for line in result.failure.hint.splitlines())
        if result.stage == "validate" and result.details:
            yield from self.validation(decode(ValidationDetails, result.details))
        elif result.checks:
            yield from (self.check(check) for check in sorted(result.checks, key=lambda c: not c.red))
        if result.stage == "drift" and result.details:
            yield from (self.cut(f"      {line}") for line in drift_text.lines(decode(DriftDetails, result.details)))
        if result.stage == "evaluate" and result.details:
            yield from self.evaluation(decode(EvaluationDetails, result.details))

    def cut(self, line: str) -> str:
        return line if len(line) <= self.width + 12 else f"{line[: self.width + 11]}…"

    def check(self, check: Check) -> str:
        mark = self.paint(
            "✗" if check.red else "✓" if check.status is Status.PASSED else "!", "31" if check.red else "32"
        )
        waived = f"  OVERRIDDEN: {plain(check.override)}" if check.override else ""
        where = f"  ({plain(check.where)})" if check.red and check.where else ""
        return self.cut(f"      {mark} {plain(check.name)}: {plain(check.message)}{waived}{where}")

    def validation(self, details: ValidationDetails) -> Iterator[str]:
        for dataset in details.datasets:
            passed = sum(item.status is Status.PASSED for item in dataset.expectations)
            held = f"{dataset.rows:,} rows, {passed} of {len(dataset.expectations)} expectations hold"
            yield self.cut(f"      {plain(dataset.data)}: {plain(dataset.error) or held}")
            yield from self.expectations(dataset)
            yield from self.diff(dataset)
        yield from (f"      note: {plain(note)}" for note in details.notes)

    def expectations(self, dataset: DatasetValidation) -> Iterator[str]:
        for item in dataset.expectations:
            if item.status is not Status.PASSED:
                yield self.cut(f"      {self.paint('✗', '31')} {plain(item.sentence)}: {counts(item)}")
                yield from (self.cut(f"          {line}") for line in examples(item))

    def diff(self, dataset: DatasetValidation) -> Iterator[str]:
        """The data against the champion's; long lists are in the other reports."""
        found = dataset.diff
        if found is None or not (found.columns or found.rows_old != found.rows_new):
            return
        yield f"        against {plain(found.champion)}'s data: {found.rows_old:,} → {found.rows_new:,} rows"
        for change in found.columns[:MOST_LINES]:
            yield self.cut(f"          {plain(change.column)} {change.what}: {was(change.old)} → {was(change.new)}")
        yield from more(len(found.columns))

    def evaluation(self, details: EvaluationDetails) -> Iterator[str]:
        if details.metrics:
            yield f"      {'metric':<22}{'candidate':<28}{'champion':<12}difference"
        for item in details.metrics:
            champion = number(item.champion.value) if item.champion else "–"
            difference = interval(item.difference, signed=True)
            verdict = f"  {item.verdict.value}" if item.verdict else ""
            yield f"      {plain(item.metric):<22}{interval(item.candidate):<28}{champion:<12}{difference}{verdict}"
        for changed in details.param_changes[:MOST_LINES]:
            yield self.cut(f"      parameter {plain(changed.name)}: {was(changed.old)} → {was(changed.new)}")
        yield from more(len(details.param_changes))
        if details.flips is not None:
            yield f"      rows: {details.flips.mended:,} mended, {details.flips.broken:,} broken"
        bad = [item for item in details.slices if item.failed]
        if details.slices:
            tested = sum(item.tested for item in details.slices)
            yield f"      slices: {tested} tested, {len(bad)} worse than allowed"
        for part in bad[:MOST_LINES]:
            yield self.cut(
                f"        {plain(part.by)} = {plain(part.value)}: {part.metric} dropped by {number(part.drop)} "
                f"on {part.rows:,} rows (p {number(part.p_value)}; {flipped(details, part)})"
            )
        yield from (f"      note: {plain(note)}" for note in details.notes)

    def provenance(self, name: str, results: Sequence[StageResult]) -> Iterator[str]:
        """What was judged, by digest, and the command that judges it again; not where no judgement was made."""
        found = {result.stage: result for result in results}
        if "evaluate" not in found or not found["evaluate"].details:
            return
        details = decode(EvaluationDetails, found["evaluate"].details)
        inputs = found["affected"].outputs.get("inputs-digest", "") if "affected" in found else ""
        digests = {"inputs": inputs, "model": details.candidate_digest, "holdout": details.holdout_digest}
        yield "  " + ", ".join(f"{what} {digest[:12]}" for what, digest in digests.items() if digest)
        yield f"  again: {plain(reproduce(found['evaluate'].origin, name))}"


def was(text: str) -> str:
    """A former or new value, `–` for none."""
    return plain(text) or "–"


def more(count: int) -> Iterator[str]:
    """That some lines are left out."""
    if count > MOST_LINES:
        yield f"      … and {count - MOST_LINES:,} more in the report"


def counts(item: ExpectationResult) -> str:
    """How many rows of how many, or what was observed, or why it could not be told."""
    if item.error:
        return f"could not be checked: {plain(item.error)}"
    if item.unexpected is not None and item.total:
        return f"{item.unexpected:,} of {item.total:,} ({share(item.share)}) do not"
    return f"observed {plain(item.observed)}" if item.observed else "does not hold"


def examples(item: ExpectationResult) -> list[str]:
    """The example rows, one a line."""
    return [
        ", ".join(f"{plain(key)} = {plain(value, longest=60)}" for key, value in row.items()) for row in item.examples
    ]
