"""A Docker daemon, a registry and a base image for every test that needs them; each xdist worker has its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import daemon as parts
from tests.docker import debian


@pytest.fixture(scope="session")
def daemon() -> Iterator[parts.Daemon]:
    """A running dockerd."""
    with parts.daemon() as found:
        yield found


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running registry."""
    with parts.registry(free_port(), tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="session")
def base_image(daemon: parts.Daemon) -> str:
    """The name of an image in the daemon that has the Python which runs the tests."""
    parts.need("debootstrap", "tar")
    if not debian.suite():
        pytest.skip("no Debian has the Python that runs the tests; a base image can be made for 3.11 and 3.13")
    name = f"debian-python:{debian.suite()}"
    daemon.docker("import", str(debian.tarball(Path(os.environ["MLOPS_CI_CACHE"]))), name)
    return name


@pytest.fixture
def free() -> int:
    """A free port on loopback."""
    return free_port()


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
