"""Holdouts and stored predictions as arrays, matched row by row."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_ci.backends.score_script import row_hashes, spell
from mlops_ci.digests.directory import digest_file
from mlops_ci.errors import ConfigError, DataError, MissingExtra, StageFailed
from mlops_ci.ports import HoldoutRows, PredictedRows

if TYPE_CHECKING:
    import pandas


class ParquetHoldouts:
    """Keeps the Holdouts port."""

    def read(
        self, data: Path, *, task: str, label: str, group: str, slices: Sequence[str], training: Sequence[Path]
    ) -> HoldoutRows:
        """The label, the groups, the slicing columns, and a hash of every row."""
        import numpy as np

        frame = _frame(data)
        for column, key in ((label, "label"), (group, "group"), *((name, "slices") for name in slices)):
            if column and column not in frame.columns:
                raise _no_column(column, key, data, list(frame.columns))
        hashes = row_hashes(frame)
        if frame[label].isna().any():
            raise DataError(f"the label '{label}' of {data.name} is missing in {int(frame[label].isna().sum()):,} rows")
        try:
            truth = spell(frame[label].to_numpy(), task)
        except (ValueError, TypeError) as error:
            raise DataError(f"the label '{label}' of {data.name} can't be used for a {task}: {error}") from None
        groups = np.unique(frame[group].astype(str), return_inverse=True)[1] if group else None
        return HoldoutRows(
            digest=digest_file(data),
            rows=len(frame),
            hashes=hashes,
            label=truth,
            groups=groups,
            slices={name: _slicing(frame[name]) for name in slices},
            overlap=_overlap(hashes, frame, training),
        )

    def predictions(self, path: Path, holdout: HoldoutRows, *, task: str) -> PredictedRows:
        """Read, and refuse what is not about these rows in this order."""
        import numpy as np
        from pyarrow import parquet

        try:
            table = parquet.read_table(path)
            classes = json.loads((table.schema.metadata or {}).get(b"mlops_ci.classes", b"[]"))
            rows, hashes = table.column("row").to_numpy(), table.column("hash").to_numpy()
        except (OSError, ValueError, KeyError) as error:
            raise StageFailed(f"the predictions are not readable: {str(error).splitlines()[0]}") from None
        if len(rows) != holdout.rows:
            raise StageFailed(f"there are {len(rows):,} predictions for {holdout.rows:,} holdout rows")
        if not np.array_equal(rows, np.arange(holdout.rows)) or not np.array_equal(hashes, holdout.hashes):
            wrong = int((hashes != holdout.hashes).sum())
            raise StageFailed(f"the predictions belong to other rows: {wrong:,} of {holdout.rows:,} do not match")
        prediction = table.column("prediction").to_pandas().to_numpy()
        probability = None
        if classes:
            probability = np.column_stack([table.column(f"p{i}").to_numpy() for i in range(len(classes))])
        values = probability if probability is not None else prediction if task == "regression" else None
        if values is not None and not np.isfinite(values).all():
            bad = int((~np.isfinite(values.reshape(len(values), -1))).any(axis=1).sum())
            raise StageFailed(f"the model gave NaN or infinity for {bad:,} of {holdout.rows:,} rows")
        return PredictedRows(prediction=prediction, classes=tuple(map(str, classes)), probability=probability)


def _frame(path: Path) -> pandas.DataFrame:
    try:
        from mlops_ci.backends.file_source import FileSource
    except ModuleNotFoundError:
        raise MissingExtra("evaluate", "pandas") from None
    if not path.is_file():
        raise DataError(
            f"there is no holdout at '{path.name}'",
            hint="the pipeline writes it, or DVC or git tracks it; check evaluate.holdout",
        )
    frame = FileSource(label=path.name, paths=(path,)).frame()
    if frame.empty:
        raise DataError(f"the holdout {path.name} has no rows")
    return frame


def _no_column(column: str, key: str, data: Path, columns: list[str]) -> ConfigError:
    close = difflib.get_close_matches(column, columns, 1)
    hint = f"did you mean '{close[0]}'?" if close else f"columns: {', '.join(map(str, columns[:20]))}"
    return ConfigError(f"{data.name} has no column '{column}' (evaluate.{key})", hint=hint, docs="evaluation.md")


def _slicing(column: Any) -> Any:
    from pandas.api import types

    if types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype):
        return column.to_numpy("float64", na_value=float("nan"))
    return column.astype(object).where(column.notna(), "(missing)").astype(str).to_numpy()


def _overlap(hashes: Any, holdout: pandas.DataFrame, training: Sequence[Path]) -> int | None:
    """Holdout rows whose values, over the columns both have, are a training row's too."""
    import numpy as np

    known = [path for path in training if path.is_file()]
    if not known:
        return None
    found = np.zeros(len(holdout), dtype=bool)
    for path in known:
        frame = _frame(path)
        shared = [name for name in holdout.columns if name in frame.columns]
        own = hashes if len(shared) == len(holdout.columns) else row_hashes(holdout[shared])
        found |= np.isin(own, row_hashes(frame[shared]))
    return int(found.sum())
