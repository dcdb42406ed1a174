"""A whole window against the reference: every column, the answers, and what the reference does not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_ci.backends.watch import duck
from mlops_ci.backends.watch.duck_sample import Sample
from mlops_ci.backends.watch.window_column import compare
from mlops_ci.backends.watch.window_rows import WindowRows
from mlops_ci.config.types import Drift
from mlops_ci.ports.drift import Compared, Rules
from mlops_ci.records.drift import ColumnDrift
from mlops_ci.records.reference import NUMBER, OTHER, PREDICTED, ColumnSummary, Reference

OURS = "mlops_"  # begins the columns that the model server adds to what it logs
DIGEST = "mlops_model_digest"
MOST_EXTRA = 20


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
        """The column that holds an answer of this name, '' where there is none."""
        asked = [self.drift.prediction] if name == "prediction" else []
        return next((item for item in [*asked, f"{OURS}{name}", name] if item and item in names), "")

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
                stored = f"{PREDICTED}{name}"
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
