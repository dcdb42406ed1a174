"""The connection to MLflow that tracker and registry share: relative SQLite paths, quiet logs, faults in our words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_ci.errors import BackendError, MissingExtra, MlopsError
from mlops_ci.io import files

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"


@dataclass(frozen=True)
class MlflowStore:
    """A tracking store or registry. `root` is the folder that relative SQLite paths count from."""

    root: Path
    uri: str

    @property
    def database(self) -> Path | None:
        """The SQLite file, or None for any other store."""
        if not self.uri.startswith(SQLITE):
            return None
        return self.root / self.uri.removeprefix(SQLITE).partition("?")[0]

    @property
    def address(self) -> str:
        """The URI as MLflow takes it."""
        return self.uri if self.database is None else f"{SQLITE}{self.database}"

    @property
    def empty(self) -> bool:
        """True where nothing was ever stored: told without importing MLflow."""
        return self.database is not None and not self.database.exists()

    @cached_property
    def client(self) -> MlflowClient:
        """The connected client. The database is created by one process at a time."""
        try:
            from mlflow import MlflowClient
        except ModuleNotFoundError:
            raise MissingExtra("train", "MLflow") from None
        _hush()
        if self.database is None:
            return MlflowClient(self.address, self.address)
        self.database.parent.mkdir(parents=True, exist_ok=True)
        with self.calls(), files.lock(self.database.with_suffix(".lock"), busy="", wait=True):
            client = MlflowClient(self.address, self.address)
            client.search_experiments(max_results=1)
        return client

    @contextmanager
    def calls(self) -> Iterator[None]:
        """Turn what MLflow and its transports raise into a BackendError with their first line."""
        try:
            yield
        except MlopsError:
            raise
        except OSError as error:
            if error.errno is not None and error.filename is not None:
                raise files.disk_error(error, Path(str(error.filename))) from error
            raise self._failed(error) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("mlflow", "sqlalchemy", "requests", "urllib3", "sqlite3"):
                raise self._failed(error) from error
            raise

    def _failed(self, error: Exception) -> BackendError:
        return BackendError(
            f"MLflow at {without_password(self.uri)} failed: {_reason(error)}",
            hint="is the server up, and 'tracking.uri' right? then run the same command again",
            docs="configuration.md#tracking",
        )


def _reason(error: Exception) -> str:
    """The first line; of a request that was tried again in vain, only what it failed of in the end."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    cause = re.search(r"""\(Caused by \w+\(["'](?:.*?[>)]: )?(.+?)["']\)\)""", line)
    return (cause.group(1) if cause else line)[:300]


def without_password(uri: str) -> str:
    """A URI without the user and password it may carry."""
    scheme, found, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if found else uri


def _hush() -> None:
    import logging

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
