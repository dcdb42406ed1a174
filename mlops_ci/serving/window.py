"""One window of the request log in memory: answered requests, folded into Arrow tables as they come."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlops_ci.serving.answers import Output
from mlops_ci.serving.question import UNNAMED, Question

FOLD = 1000  # rows; single requests take many times the memory of a table


@dataclass(frozen=True, kw_only=True)
class Record:
    """One answered request."""

    time: float  # seconds since 1970, UTC
    request: str
    question: Question
    outputs: list[Output]

    @property
    def alike(self) -> tuple[Any, ...]:
        """Records with an equal value have the same columns."""
        return self.question.alike, tuple((output.name, output.values.shape[1:]) for output in self.outputs)


@dataclass(kw_only=True)
class Window:
    """`start` is in seconds since 1970."""

    start: int
    digest: str
    redact: tuple[str, ...]
    rows: int = 0
    tables: list[Any] = field(default_factory=list)
    pending: list[Record] = field(default_factory=list)
    pending_rows: int = 0

    def add(self, record: Record) -> None:
        """Take a request."""
        self.pending.append(record)
        self.rows += record.question.rows
        self.pending_rows += record.question.rows
        if self.pending_rows >= FOLD:
            self._fold()

    def table(self) -> Any:
        """All rows in the order of their requests; a column that some requests lacked is null there."""
        import pyarrow as pa

        self._fold()
        table = pa.concat_tables(self.tables, promote_options="permissive")
        return table.replace_schema_metadata({"mlops_ci.model_digest": self.digest})

    def _fold(self) -> None:
        for _, records in itertools.groupby(self.pending, key=lambda record: record.alike):
            self.tables.append(self._one(list(records)))
        self.pending, self.pending_rows = [], 0

    def _one(self, records: Sequence[Record]) -> Any:
        import pyarrow as pa

        counts = [record.question.rows for record in records]
        times = np.repeat([int(record.time * 1e6) for record in records], counts)
        columns: dict[str, Any] = {
            "mlops_time": pa.array(times, pa.timestamp("us", "UTC")),
            "mlops_request_id": pa.array(np.repeat([record.request for record in records], counts), pa.string()),
            "mlops_model_digest": pa.array([self.digest] * sum(counts), pa.string()),
        }
        for name in records[0].question.columns:
            if name not in self.redact:
                arrays = [record.question.columns[name] for record in records]
                columns["input" if name == UNNAMED else name] = _column(arrays)
        outputs = records[0].outputs
        for place, output in enumerate(outputs):
            arrays = [record.outputs[place].values for record in records]
            if sum(map(len, arrays)) == sum(counts):
                name = "mlops_prediction" if len(outputs) == 1 else f"mlops_prediction_{output.name}"
                columns[name] = _column(arrays)
        return pa.table(columns)


def _column(arrays: list[Any]) -> Any:
    """The rows as they are, or as flat lists where a row is a tensor."""
    import pyarrow as pa

    values = np.concatenate(arrays)
    if values.ndim == 1:
        return pa.array(values.tolist() if values.dtype.kind in "OU" else values, from_pandas=True)
    return pa.array(values.reshape(len(values), -1).tolist())
