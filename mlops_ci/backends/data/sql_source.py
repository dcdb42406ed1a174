"""A table or query behind a SQLAlchemy URL: counted and profiled by the database itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_ci.errors import BackendError, ConfigError, DataError, MissingExtra
from mlops_ci.records.validation import ColumnProfile, DataProfile

if TYPE_CHECKING:
    from sqlalchemy import Connection

SQLITE = "sqlite:///"


@dataclass(frozen=True, kw_only=True)
class SqlSource:
    """One table or query. Nothing here ever shows the URL's password."""

    url: str
    directory: Path
    table: str = ""
    query: str = ""

    @property
    def name(self) -> str:
        """The URL without its secrets, and the table or `query`."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}#{self.table or 'query'}"

    @property
    def address(self) -> str:
        """The URL as SQLAlchemy takes it; a relative SQLite file counts from the model's folder."""
        if self.url.startswith(SQLITE) and not self.url.startswith(f"{SQLITE}/"):
            return f"{SQLITE}{self.directory / self.url.removeprefix(SQLITE)}"
        return self.url.replace("postgresql://", "postgresql+psycopg://", 1)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection for reading. Raises BackendError where the database is not to be had, DataError for bad SQL."""
        try:
            import sqlalchemy
        except ModuleNotFoundError:
            raise MissingExtra("validate", "SQLAlchemy") from None
        self._require_file()
        try:
            engine = sqlalchemy.create_engine(self.address, poolclass=sqlalchemy.NullPool)
        except (sqlalchemy.exc.ArgumentError, ValueError):
            raise ConfigError(
                "the URL of a database can't be read",
                hint="write dialect://user:password@host:port/database, with %XX for special characters",
                docs="validation.md",
            ) from None
        try:
            with engine.connect() as connection:
                yield connection
        except (sqlalchemy.exc.ProgrammingError, sqlalchemy.exc.DataError) as error:
            raise DataError(f"{self.name}: {self._reason(error)}") from None
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise BackendError(
                f"{self.name}: {self._reason(error)}", hint="is the database up, and the URL right?"
            ) from None

    def _require_file(self) -> None:
        """SQLite would create a missing file, and call it empty."""
        if self.url.startswith(SQLITE) and not Path(self.address.removeprefix(SQLITE)).is_file():
            raise DataError(f"there is no database file at '{self.url.removeprefix(SQLITE)}'")

    def _reason(self, error: Exception) -> str:
        text = (str(getattr(error, "orig", None) or error).strip().splitlines() or [""])[0]
        password = self.url.partition("://")[2].rpartition("@")[0].partition(":")[2]
        return text.replace(password, "…") if password else text

    def profile(self, *, redact: Sequence[str]) -> DataProfile:
        """One aggregate query for all columns."""
        import sqlalchemy

        with self.connect() as connection:
            rows: Any = sqlalchemy.text(self.query).columns().subquery("data") if self.query else None
            if rows is None:
                rows = sqlalchemy.Table(self.table, sqlalchemy.MetaData(), autoload_with=connection)
                columns = {column.name: str(column.type) for column in rows.columns}
                body = rows
            else:
                head = connection.execute(sqlalchemy.text(f"SELECT * FROM ({self.query}) AS data LIMIT 0"))
                columns = dict.fromkeys(head.keys(), "")
                body = sqlalchemy.text(f"({self.query}) AS data")
            return self._aggregate(connection, body, columns, redact)

    def _aggregate(
        self, connection: Connection, body: Any, columns: dict[str, str], redact: Sequence[str]
    ) -> DataProfile:
        import sqlalchemy

        wanted: list[Any] = [sqlalchemy.func.count()]
        for name in columns:
            column: Any = sqlalchemy.column(name)
            wanted += [
                sqlalchemy.func.count(column),
                sqlalchemy.func.count(sqlalchemy.distinct(column)),
                sqlalchemy.func.min(column),
                sqlalchemy.func.max(column),
            ]
        row = list(connection.execute(sqlalchemy.select(*wanted).select_from(body)).one())
        total, profiles = row[0], []
        for index, (name, dtype) in enumerate(columns.items()):
            present, distinct, low, high = row[1 + 4 * index : 5 + 4 * index]
            hide = name in redact
            profiles.append(
                ColumnProfile(
                    name=name,
                    dtype=dtype,
                    null_share=1 - present / total if total else 0.0,
                    distinct=distinct,
                    low="" if hide or low is None else str(low)[:80],
                    high="" if hide or high is None else str(high)[:80],
                )
            )
        digest = hashlib.sha256(repr(row).encode()).hexdigest()
        return DataProfile(data=self.name, rows=total, digest=f"profile:{digest}", columns=tuple(profiles))
