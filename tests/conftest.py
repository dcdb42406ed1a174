"""Guards for every test: a home of its own, an identity for git, and no network but loopback from this process."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

# Where it is set, every process of every test compiles its libraries anew: that is most of what the tests take.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

LOOPBACK = ("127.", "::1", "localhost")
TELEMETRY_OFF = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
}


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody's settings decide a test, and no test writes into anybody's home. Package caches stay where they are."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = tmp_path_factory.mktemp("home")
    patch = pytest.MonkeyPatch()
    patch.setenv("UV_CACHE_DIR", os.environ.get("UV_CACHE_DIR", str(cache / "uv")))
    patch.setenv("MLOPS_CI_CACHE", os.environ.get("MLOPS_CI_CACHE", str(cache / "mlops-ci-tests")))
    patch.setenv("MLOPS_CI_TEST_CACHE", os.environ.get("MLOPS_CI_TEST_CACHE", str(cache)))
    patch.setenv("HOME", str(home))
    for name in (
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "GITHUB_ACTIONS",
        "GITHUB_REPOSITORY",
        "GITHUB_TOKEN",
        "GITHUB_API_URL",
        "GITHUB_GRAPHQL_URL",
        "GH_TOKEN",
        "MLOPS_CI_TOKEN",
        "MLOPS_CI_APP_ID",
        "MLOPS_CI_APP_PRIVATE_KEY",
        "NO_COLOR",
        "FORCE_COLOR",
        "MLFLOW_TRACKING_URI",
    ):
        patch.delenv(name, raising=False)
    for name, value in TELEMETRY_OFF.items():
        patch.setenv(name, value)
    for role in ("AUTHOR", "COMMITTER"):
        patch.setenv(f"GIT_{role}_NAME", "A Tester")
        patch.setenv(f"GIT_{role}_EMAIL", "tester@example.com")
    patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    patch.setenv("GIT_CONFIG_COUNT", "1")
    patch.setenv("GIT_CONFIG_KEY_0", "init.defaultBranch")
    patch.setenv("GIT_CONFIG_VALUE_0", "main")
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the network fails, and says for what."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = str(address[0]) if isinstance(address, tuple) else ""
        if self.family != socket.AF_UNIX and not host.startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
