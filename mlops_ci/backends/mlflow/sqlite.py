"""Reads versions and aliases out of MLflow's SQLite file, without MLflow, whose import alone takes some four seconds.

`status` and a `merge` that finds everything done ask the registry nothing else. Only the schema named here by its
revision is read; any other, and whatever SQLite refuses, is left to MLflow itself. Nothing is ever written.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SCHEMAS = ("dc11669786a5",)  # revisions by Alembic's name: MLflow 3.17
DELETED = "Deleted_Internal"  # the stage that MLflow gives a deleted version
WAIT = 20.0  # seconds for a writer to finish
Versions = Mapping[int, tuple[str, Mapping[str, str]]]


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A registered model as MLflow stores it; `versions` maps a number to its run and all its tags."""

    aliases: Mapping[str, int]
    tags: Mapping[str, str]
    versions: Versions


def read(database: Path, model: str) -> Registered | None:
    """All of one model, empty where there is none such; None where MLflow has to be asked."""
    address = f"{database.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=WAIT)) as connection:
            connection.execute("BEGIN")  # one moment for all of it
            return _read(connection, model) if _known(connection) else None
    except sqlite3.Error:
        return None


def _known(connection: sqlite3.Connection) -> bool:
    """Whether this is the schema we know, and nobody divides it into workspaces."""
    revisions = tuple(row[0] for row in connection.execute("SELECT version_num FROM alembic_version"))
    elsewhere = connection.execute("SELECT 1 FROM registered_models WHERE workspace <> 'default' LIMIT 1").fetchone()
    return len(revisions) == 1 and revisions[0] in SCHEMAS and elsewhere is None


def _read(connection: sqlite3.Connection, model: str) -> Registered:
    aliases = connection.execute("SELECT alias, version FROM registered_model_aliases WHERE name = ?", (model,))
    tags = connection.execute("SELECT key, value FROM registered_model_tags WHERE name = ?", (model,))
    return Registered(
        aliases={str(alias): int(version) for alias, version in aliases},
        tags={str(key): str(value) for key, value in tags},
        versions=dict(_versions(connection, model)),
    )


def _versions(connection: sqlite3.Connection, model: str) -> Iterator[tuple[int, tuple[str, Mapping[str, str]]]]:
    tags: dict[int, dict[str, str]] = defaultdict(dict)
    said = connection.execute("SELECT version, key, value FROM model_version_tags WHERE name = ?", (model,))
    for version, key, value in said:
        tags[version][str(key)] = str(value)
    found = connection.execute(
        "SELECT version, run_id FROM model_versions WHERE name = ? AND current_stage <> ? ORDER BY version",
        (model, DELETED),
    )
    for version, run in found:
        yield int(version), (str(run), tags[version])
