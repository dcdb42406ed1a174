"""Rows of production in a database, which counts them itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlops_ci.backends.data.sql_source import SqlSource
from mlops_ci.config.types import Drift
from mlops_ci.digests.canonical import digest_of
from mlops_ci.ports.drift import Watched
from mlops_ci.ports.say import Say
from mlops_ci.records.reference import Reference
from mlops_ci.records.scoring import InputFile

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mlops_ci.backends.watch.sql_dialect import Dialect
    from mlops_ci.backends.watch.sql_rows import Answer


class Labels(Protocol):
    """Files with the truth."""

    def stamp(self) -> str:
        """Changes whenever they do."""

    def truth(self, say: Say) -> tuple[list[InputFile], list[str]]:
        """The files as Parquet on this machine, and what could not be read of them."""


@dataclass(frozen=True, kw_only=True)
class SqlProduction:
    """What a database holds. Keeps the Production port. `reach` is how many seconds before the newest row are looked
    at, 0 for all."""

    drift: Drift
    source: SqlSource
    labels: Labels
    scratch: Path
    reach: float = 0.0

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def _body(self) -> str:
        from mlops_ci.backends.watch.sql_dialect import quoted

        if self.drift.query:
            return f"({self.drift.query.rstrip().rstrip(';')}\n)"  # whatever comment it ends with
        return ".".join(map(quoted, self.drift.table.split(".")))

    def stamp(self) -> str:
        """Of how many rows there are, and of the newest one's time: one question to the database."""
        import sqlalchemy

        from mlops_ci.backends.watch.sql_dialect import quoted

        column = quoted(self.drift.time)
        with self.source.connect() as connection:
            asked = sqlalchemy.text(f"SELECT count(*), max({column}) FROM {self._body} AS data")
            rows, newest = connection.execute(asked).one()
        return digest_of([self.name, int(rows), str(newest), self.labels.stamp()])

    @contextmanager
    def open(self, reference: Reference, sample: Path, *, now: float, say: Say) -> Iterator[Watched]:
        """All that is counted is of one state of the database, where that has such (PostgreSQL)."""
        from mlops_ci.backends.data.spool import from_database
        from mlops_ci.backends.watch.sql_rows import SqlRows, literal
        from mlops_ci.backends.watch.sql_watched import SqlWatched

        def bring(query: str, folder: Path) -> list[InputFile]:
            return from_database(replace(self.source, table="", query=literal(query)), folder, say)

        labels, broken = self.labels.truth(say)
        with self.source.connect() as connection:
            yield SqlWatched(
                bring=bring,
                everything=SqlRows(
                    ask=partial(_asked, connection),
                    dialect=_prepared(connection),
                    body=self._body,
                    time=self.drift.time,
                ),
                drift=self.drift,
                reference=reference,
                sample=sample,
                labels=tuple(labels),
                folder=self.scratch,
                now=now,
                reach=self.reach,
                notes=tuple(broken),
            )


def _asked(connection: Connection, query: str) -> Answer:
    import sqlalchemy

    from mlops_ci.backends.watch.sql_rows import Answer, literal

    found = connection.execute(sqlalchemy.text(literal(query)))
    return Answer(names=tuple(found.keys()), rows=[tuple(row) for row in found.fetchall()])


def _prepared(connection: Connection) -> Dialect:
    """The dialect of a connection that has all it needs."""
    import sqlalchemy

    from mlops_ci.backends.watch.sql_dialect import Postgres, Sqlite

    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.create_function("mlops_ci_asinh", 1, math.asinh, deterministic=True)
        return Sqlite()
    dialect = Postgres()
    for words in dialect.BEGIN:
        connection.execute(sqlalchemy.text(words))
    return dialect
