"""A whole window against the reference: every column, the answers, and what the reference does not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_ci.backends.watch import duck
from mlops_ci.backends.watch.duck_sample import Sample
from mlops_ci.backends.watch.window_column import compare
from mlops_ci.backends.watch.window_rows import WindowRows
from mlops_ci.config.types import Drift
from mlops_ci.evaluation.distances import FEW_VALUES, Bins
from mlops_ci.ports.drift import Compared, Rules
from mlops_ci.records.drift import ColumnDrift
from mlops_ci.records.reference import CATEGORY, LIKELY, NUMBER, OTHER, PREDICTED, ColumnSummary, Reference

OURS = "mlops_"  # begins the columns that the model server adds to what it logs
DIGEST = "mlops_model_digest"
CLASSES_ONLY = (
    "the rows hold numbers between 0 and 1, and the reference holds classes without their probabilities; make it anew: "
    "mlops-ci drift reference"
)
MOST_EXTRA = 20
LEAST = 1e-9  # nearer to 0 or 1 a probability is taken for a class


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What windows are held against."""

    drift: Drift
    reference: Reference
    sample: Sample

    @property
    def watched(self) -> list[ColumnSummary]:
        """The columns that are compared: the model's inputs."""
        skip = {*self.drift.ignore, self.reference.label}
        return [item for item in self.reference.columns if item.name not in skip]

    def prediction_column(self, name: str, names: Sequence[str]) -> str:
        """The column that holds an answer of this name, '' where there is none. One that is configured is no other."""
        named = self.drift.prediction if name == "prediction" else ""
        asked = [named] if named else [f"{OURS}{name}", name]
        return next((item for item in asked if item in names), "")

    def compare(self, rows: WindowRows, rules: Rules, *, future: int) -> Compared:
        """All of it. `future` counts rows that are ahead of the clock."""
        asked = [(item, item.name, *rules.of(item.kind, item.name)) for item in self.watched]
        found = compare(rows, self.sample, asked, rules)
        return Compared(
            rows=rows.rows,
            newest=rows.newest(),
            duplicates=rows.duplicates(),
            facts=tuple(facts for facts, _ in found),
            columns=tuple(drift for _, drift in found),
            predictions=tuple(self._predictions(rows, rules)),
            extra=tuple(self._extra(rows)),
            future=future,
            names=tuple(rows.names),
        )

    def _extra(self, rows: WindowRows) -> list[str]:
        known = {*(item.name for item in self.reference.columns), *self.drift.ignore, self.drift.time}
        known |= {self.drift.labels.key, self.drift.prediction}
        ours = (OURS, "prediction", "probab")
        return [name for name in rows.names if name not in known and not name.startswith(ours)][:MOST_EXTRA]

    def _predictions(self, rows: WindowRows, rules: Rules) -> Iterator[ColumnDrift]:
        """The answers of the very model that the reference is about, where rows say whose they are."""
        own = rows.of_model(DIGEST, self.reference.model_digest) if rows.dtype(DIGEST) else rows
        dtypes = duck.columns_of(self.sample.connection, self.sample.relation)
        asked = []
        for name in self.reference.predictions:
            if column := self.prediction_column(name, rows.names):
                stored = stored_answer(own, column, self.sample, name)
                if not stored:
                    yield _incomparable(column, rules)
                    continue
                kind = duck.kind_of(dtypes[stored])
                known = ColumnSummary(
                    name=column,
                    kind=OTHER if rows.kind(column) == OTHER else kind,
                    dtype=dtypes[stored],
                    null_share=0.0,
                )
                method = rules.method if kind == NUMBER else rules.category_method
                asked.append((known, stored, method, rules.prediction_threshold))
        yield from (drift for _, drift in compare(own, self.sample, asked, rules))


def stored_answer(rows: WindowRows, column: str, sample: Sample, name: str) -> str:
    """The sample's column that holds the same as a column of answers: the answer of this name, or, where that is a
    class and the rows hold probabilities, the probability of the positive one. '' where there is nothing like it."""
    dtypes, stored = duck.columns_of(sample.connection, sample.relation), f"{PREDICTED}{name}"
    if name != "prediction" or not _classes(sample, stored, dtypes[stored]) or not _shares(rows, column):
        return stored
    return LIKELY if LIKELY in dtypes else ""


def _classes(sample: Sample, stored: str, dtype: str) -> bool:
    """Whether the sample's answers are classes: texts, truth values, or a few whole numbers."""
    if duck.kind_of(dtype) != NUMBER:
        return duck.kind_of(dtype) == CATEGORY
    values = set(sample.numbers(stored, dtype).tolist())
    return len(values) <= FEW_VALUES and all(value.is_integer() for value in values)


def _shares(rows: WindowRows, column: str) -> bool:
    """Whether a column holds numbers from 0 to 1, and some of them in between."""
    known = rows.numbers([column])[column]
    if known.low is None or known.high is None or known.mistyped or known.low < 0 or known.high > 1:
        return False
    ends = rows.counted(column, Bins(low=0.0, high=1.0, count=1), known, (LEAST, 1 - LEAST)).outside
    return ends < known.finite


def _incomparable(column: str, rules: Rules) -> ColumnDrift:
    return ColumnDrift(
        name=column, kind=NUMBER, method=rules.method, threshold=rules.prediction_threshold, reason=CLASSES_ONLY
    )
