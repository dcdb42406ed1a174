"""Data sets, and what validates them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from mlops_ci.ports.say import Say
from mlops_ci.records.validation import DataProfile, ExpectationResult


class Validator(Protocol):
    """Runs an expectation suite (Great Expectations)."""

    def validate(
        self, source: DataSource, suite: Path, *, name: str = "", redact: Sequence[str], say: Say
    ) -> tuple[ExpectationResult, ...]:
        """Every expectation of the suite, in its order. An unknown type or an empty suite raises ConfigError.

        `name` is the suite's path as places and messages have it, by default the file's name alone.
        """


class DataSource(Protocol):
    """A data set that can be counted, profiled and read: files (CSV, Parquet) or SQL."""

    @property
    def name(self) -> str: ...

    def profile(self, *, redact: Sequence[str]) -> DataProfile:
        """Full-data summary: rows, columns, null shares, distinct counts, ranges."""
