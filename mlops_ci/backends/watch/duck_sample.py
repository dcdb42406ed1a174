"""The reference's sample, whose values stand for the training data's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_ci.backends.watch import duck
from mlops_ci.backends.watch.window_rows import MOST_VALUES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The reference's sample: a relation of DuckDB's."""

    connection: DuckDBPyConnection
    relation: str

    def numbers(self, name: str, dtype: str) -> Any:
        """(n,) finite values."""
        asked = f"SELECT {duck.number(name, dtype)} AS x FROM {self.relation} WHERE isfinite(x)"
        return self.connection.execute(asked).fetchnumpy()["x"].astype("float64")

    def values(self, name: str, dtype: str) -> Mapping[str, int]:
        """Texts and how often they come, the most frequent."""
        asked = (
            f"SELECT {duck.category(name, dtype, dtype)} AS v, count(*) AS n FROM {self.relation} "
            f"WHERE v IS NOT NULL GROUP BY v ORDER BY n DESC, v LIMIT {MOST_VALUES}"
        )
        return {str(value): int(count) for value, count in self.connection.execute(asked).fetchall()}
