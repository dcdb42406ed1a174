"""A real PostgreSQL for the tests that ask for one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

INITDB = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A PostgreSQL of our own on a socket in a folder; the server refuses to run as root."""
    if INITDB is None:
        pytest.skip("the package postgresql is not installed")
    folder = tmp_path_factory.mktemp("pg")
    data = folder / "data"
    user: list[str] = []
    if os.getuid() == 0:
        _let_through(folder)
        shutil.chown(folder, "postgres")
        user = ["runuser", "-u", "postgres", "--"]
    control = [*user, str(INITDB.with_name("pg_ctl")), "-D", str(data), "-w"]
    subprocess.run([*user, str(INITDB), "-D", str(data), "-U", "ann", "-A", "trust"], check=True, capture_output=True)
    options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
    subprocess.run([*control, "-l", str(folder / "log"), "-o", options, "start"], check=True, capture_output=True)
    yield folder
    _let_through(folder)
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)


def _let_through(folder: Path) -> None:
    """The server's own user has to get there; another run of pytest that starts meanwhile closes the way again."""
    below = folder.relative_to("/tmp").parts if folder.is_relative_to("/tmp") else ()
    for depth in range(1, len(below) + 1):
        Path("/tmp", *below[:depth]).chmod(0o755)
