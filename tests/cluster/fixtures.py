"""The fixture `cluster`: one real cluster for all workers of a test run, started by the first test that needs it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import holder, parts
from tests.cluster.cluster import Cluster, Namespace

ROOT = Path(__file__).parents[2]
SECONDS = 180.0
STEP = 0.05


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Kubernetes cluster with KServe. Skips where its parts are not built."""
    built = parts.home(os.environ)
    if missing := parts.missing(built):
        pytest.skip(f"{parts.COMMAND} has not been run: no {missing[0]}")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "cluster"
    folder.mkdir(exist_ok=True)
    with open(folder / holder.USERS, "w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield Cluster.of(_ready(folder, built))


@pytest.fixture
def namespace(cluster: Cluster) -> Namespace:
    """A namespace of the test's own. It goes with the cluster: deleting one takes seconds, and nobody is in its way."""
    return cluster.namespace()


def _ready(folder: Path, built: Path) -> Path:
    """The administrator's kubeconfig, once the cluster answers. The first to come starts it."""
    with contextlib.suppress(FileExistsError):
        (folder / holder.FIRST).mkdir()
        words = [sys.executable, "-m", "tests.cluster.holder", str(folder), str(built)]
        with open(folder / "holder.log", "wb") as log:
            subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
    ended = time.monotonic() + SECONDS
    while not (folder / holder.READY).exists():
        if (failed := folder / holder.FAILED).exists():
            raise RuntimeError(f"the cluster did not start:\n{failed.read_text('utf-8')}")
        if time.monotonic() > ended:
            raise RuntimeError(f"the cluster did not start within {SECONDS:.0f} s; its logs are in {folder}")
        time.sleep(STEP)
    return folder / holder.READY
