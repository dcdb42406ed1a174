"""One zoo of models and two servers for all tests of the server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.servers import Running, launch


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each kind."""
    home = tmp_path_factory.mktemp("zoo")
    script = Path(__file__).with_name("zoo.py")
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-W", "ignore", script, home], check=True, capture_output=True, env=environ)
    return home


@pytest.fixture(scope="session")
def both(zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    """`clicks` with a request log, and `told` with micro-batching, started side by side."""
    home = tmp_path_factory.mktemp("servers")
    log = {"folder": str(home / "windows"), "redact": ["age"], "rotate_seconds": 86400, "rotate_rows": 40}
    servers = (
        launch(home / "clicks", zoo / "clicks", "clicks", settings={"version": "7", "max_body_mb": 1, "log": log}),
        launch(
            home / "told",
            zoo / "told",
            "told",
            settings={"batch": {"max_rows": 8, "max_wait_ms": 0}, "drain_idle_seconds": 0.2},
        ),
    )
    try:
        yield servers[0].started(), servers[1].started()
    finally:
        for server in servers:
            server.process.kill()
            server.process.wait()


@pytest.fixture
def clicks(both: tuple[Running, Running]) -> Running:
    """A scikit-learn classifier."""
    return both[0]


@pytest.fixture
def told(both: tuple[Running, Running]) -> Running:
    """A model that does as it is told."""
    return both[1]
