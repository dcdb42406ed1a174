"""Stored predictions, matched row by row with the holdout they claim to be about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlops_ci.backends.scoring import row_hash
from mlops_ci.errors import StageFailed
from mlops_ci.ports.holdouts import Coded, HoldoutRows, PredictedRows
from mlops_ci.ports.scoring import Asked


def read_predictions(path: Path, holdout: HoldoutRows, *, asked: Asked) -> PredictedRows:
    """The answers in the holdout's order. Raises StageFailed where they are about other rows, answer something else
    than what is asked, or are no numbers."""
    import numpy as np
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        notes = file.schema_arrow.metadata or {}
        classes, answered = (json.loads(notes.get(f"mlops_ci.{name}".encode(), b"[]")) for name in ("classes", "asked"))
        rows, hashes = (file.read(columns=[name]).column(name).to_numpy() for name in ("row", "hash"))
        prediction = file.read(columns=["prediction"]).column("prediction")
        places = {str(name): f"p{place}" for place, name in enumerate(classes)}
        columns = {name: file.read(columns=[place]).column(place).to_numpy() for name, place in places.items()}
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise StageFailed(f"the predictions are not readable: {reason}") from None
    if len(rows) != holdout.rows:
        raise StageFailed(f"there are {len(rows):,} predictions for {holdout.rows:,} holdout rows")
    if hashes.dtype != np.dtype("uint64") or not np.array_equal(rows, np.arange(holdout.rows)):
        raise StageFailed("the predictions are not numbered like the holdout's rows")
    if wrong := int((hashes != holdout.hashes).sum()):
        raise StageFailed(f"the predictions belong to other rows: {wrong:,} of {holdout.rows:,} do not match")
    if answered != [asked.task, asked.label, asked.group, asked.positive]:
        raise StageFailed(f"the predictions answer another question: {', '.join(filter(None, answered)) or 'unknown'}")
    if asked.task == "regression":
        return PredictedRows(prediction=_finite([_floats(prediction)], holdout.rows)[0], probability=None)
    codes, names = row_hash.spelled(prediction)
    if missing := int((codes < 0).sum()):
        raise StageFailed(f"the model gave no class for {missing:,} of {holdout.rows:,} rows")
    _finite(list(columns.values()), holdout.rows)
    return PredictedRows(prediction=Coded(codes=codes, names=tuple(names)), probability=columns or None)


def _floats(column: Any) -> Any:
    try:
        return column.to_numpy().astype("float64")
    except (ValueError, TypeError):
        raise StageFailed("the predictions are no numbers; a regression needs numbers") from None


def _finite(columns: list[Any], rows: int) -> list[Any]:
    import numpy as np

    bad = np.zeros(rows, dtype=bool)
    for column in columns:
        bad |= ~np.isfinite(column)
    if bad.any():
        first = int(np.argmax(bad))
        raise StageFailed(
            f"the model gave NaN or infinity for {int(bad.sum()):,} of {rows:,} rows, first in row {first}",
            hint="look at that row of the holdout: does it hold values the model has never seen, or none at all?",
        )
    return columns
