"""What validation found in the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_ci.records.results import Severity, Status


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """Full-data summary of a column; `low`/`high` are text (numbers, dates or strings), '' if unknown or redacted."""

    name: str
    dtype: str
    null_share: float
    distinct: int | None
    low: str = ""
    high: str = ""


@dataclass(frozen=True, kw_only=True)
class DataProfile:
    """Full-data summary of one data set."""

    data: str
    rows: int
    digest: str
    columns: tuple[ColumnProfile, ...]


@dataclass(frozen=True, kw_only=True)
class ColumnChange:
    """`what`: added, removed, retyped, null-share, distinct, range."""

    column: str
    what: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class DataDiff:
    """A data set against the one the champion was trained on."""

    data: str
    champion: str
    rows_old: int
    rows_new: int
    columns: tuple[ColumnChange, ...]


@dataclass(frozen=True, kw_only=True)
class ExpectationResult:
    """One expectation. `examples` are up to five rows ({column: text, '(row)': position}), none of redacted columns."""

    expectation: str
    sentence: str
    column: str
    status: Status
    severity: Severity
    observed: str = ""
    unexpected: int | None = None
    total: int | None = None
    share: float | None = None
    examples: tuple[Mapping[str, str], ...] = ()
    error: str = ""
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class DatasetValidation:
    """One `validate:` entry; `error` says why nothing could be checked, with rows = −1."""

    data: str
    suite: str
    rows: int
    expectations: tuple[ExpectationResult, ...]
    profile: DataProfile | None = None
    diff: DataDiff | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class ValidationDetails:
    """The details of a `validate` result."""

    datasets: tuple[DatasetValidation, ...]
    notes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
