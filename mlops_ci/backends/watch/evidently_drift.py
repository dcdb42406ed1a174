"""Evidently as the judge of distances, on samples. Its import takes seconds and comes last."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_ci.errors import BackendError, MissingExtra
from mlops_ci.records.drift import ColumnDrift
from mlops_ci.records.reference import NUMBER

FAILED = "FAIL"


class Evidently:
    """Keeps the Distances port. Whoever calls it has switched telemetry off in the environment (cli/surroundings.py).

    An empty or constant column would abort Evidently's whole report, so only columns with values on both sides go in.
    """

    def compare(self, folder: Path, columns: Sequence[ColumnDrift]) -> Mapping[str, tuple[float, bool]]:
        """Each column by its own method and threshold, methods pinned: Evidently's defaults change with the size."""
        import pandas

        try:
            from evidently import DataDefinition, Dataset, Report
            from evidently.metrics import ValueDrift
        except ModuleNotFoundError:
            raise MissingExtra("drift", "Evidently") from None
        frames = [pandas.read_parquet(folder / f"{name}.parquet") for name in ("window", "reference")]
        good = [
            item for item in columns if all(item.name in frame and frame[item.name].notna().any() for frame in frames)
        ]
        if not good:
            return {}
        definition = DataDefinition(
            numerical_columns=[item.name for item in good if item.kind == NUMBER],
            categorical_columns=[item.name for item in good if item.kind != NUMBER],
        )
        sides = [Dataset.from_pandas(frame[[item.name for item in good]], definition) for frame in frames]
        metrics = [ValueDrift(column=item.name, method=item.method, threshold=item.threshold) for item in good]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.getLogger("evidently").setLevel(logging.ERROR)
            try:
                found = Report(metrics, include_tests=True).run(*sides).dict()
            except Exception as error:  # whatever it stumbles over is its own, and the user's data is not at fault
                raise BackendError(
                    f"Evidently failed: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}",
                    hint="'engine: duckdb' computes the same distances without it",
                    docs="drift.md#what-computes",
                ) from error
        return _by_column(found)


def _by_column(found: Mapping[str, object]) -> Mapping[str, tuple[float, bool]]:
    """A value's direction depends on its method: whether a column drifted is told by its test alone."""
    metrics, tests = found["metrics"], found["tests"]
    assert isinstance(metrics, list)
    assert isinstance(tests, list)
    return {
        str(metric["config"]["column"]): (float(metric["value"]), getattr(test["status"], "value", "") == FAILED)
        for metric, test in zip(metrics, tests, strict=True)
    }
