"""The rows of a window in Spark, counted on its cluster."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_ci.backends.watch.duck_rows import LOOKED_AT
from mlops_ci.backends.watch.sql_dialect import quoted
from mlops_ci.backends.watch.sql_rows import SqlRows

HASHES = 2**32


class SparkRows(SqlRows):
    """As a database's, but that nothing is sorted: all rows would go through one worker."""

    def _hash(self, names: Sequence[str], *more: str) -> str:
        return f"pmod(xxhash64({', '.join([*map(self.dialect.spelled, names), *more])}), {HASHES})"

    def duplicates(self) -> float | None:
        """By a part of all hashes, which has all copies of its rows, or none."""
        if not self.rows:
            return None
        bound = int(min(1.0, LOOKED_AT / self.rows) * HASHES)
        words = ", ".join(f"coalesce({self.dialect.spelled(name)}, '\\0')" for name in self.names)
        place = f"xxhash64({words})"
        hashed = f"SELECT {place} AS h FROM {self.relation} WHERE pmod({place}, {HASHES}) < {bound}"
        count, distinct = self.asked(f"SELECT count(*), count(DISTINCT h) FROM ({hashed}) AS hashed")[0]
        return 1 - int(distinct) / int(count) if count else 0.0

    def drawn(self, names: Sequence[str], *, most: int, seed: int) -> str:
        """By what the rows are; some more than `most` are hashed low, and cut off in the order of their hashes."""
        columns = ", ".join(map(quoted, names))
        if self.rows <= most:
            return f"SELECT {columns} FROM {self.relation}"
        bound = int((most + 6 * most**0.5) / self.rows * HASHES)
        place = self._hash(names, str(seed))
        return f"SELECT {columns} FROM {self.relation} WHERE {place} < {bound} ORDER BY {place} LIMIT {most}"
