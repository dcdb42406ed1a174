"""Holdouts and stored predictions as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mlops_ci.ports.scoring import Asked


@dataclass(frozen=True, kw_only=True)
class Coded:
    """Values (n,) as `codes` into `names`; −1 where a value is missing."""

    codes: Any
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class HoldoutColumns:
    """Which columns of a holdout are wanted; `by_value` as categories, `by_number` as numbers."""

    label: str
    group: str = ""
    by_value: tuple[str, ...] = ()
    by_number: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HoldoutRows:
    """The holdout as arrays of one length. `label` is Coded for a classification, float64 with NaN where it is
    missing for a regression; `groups` are cluster codes from 0, or None; `hashes` are of all columns."""

    digest: str
    rows: int
    hashes: Any
    label: Any
    groups: Any
    values: Mapping[str, Coded]
    numbers: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How many holdout rows are training rows too; None where no file could be compared. `compared` are
    the training files looked into, `skipped` says why others were not."""

    rows: int | None
    compared: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PredictedRows:
    """A model's answers: `prediction` Coded, or float64 for a regression; `probability` by class (n,), or None."""

    prediction: Any
    probability: Mapping[str, Any] | None


class Holdouts(Protocol):
    """Reads holdouts and stored predictions."""

    def read(self, data: Path, columns: HoldoutColumns, *, task: str) -> HoldoutRows:
        """Raises DataError for what is no table, ConfigError for a column that is not there, with the nearest."""

    def overlap(self, data: Path, training: Sequence[Path], *, group: str) -> Overlap:
        """Compare rows by the columns of the holdout, the group's apart."""

    def predictions(self, path: Path, holdout: HoldoutRows, *, asked: Asked) -> PredictedRows:
        """Stored predictions of exactly these rows in this order, that answer exactly this. Raises StageFailed for
        any others."""
