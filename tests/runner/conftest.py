"""The runner for all tests of a session, and a repository at GitHub for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner import parts
from tests.runner.shop import Machine, Shop, opened


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Skips where script/runner-tools has not been run. Workers of one test run share what our actions install."""
    if missing := parts.missing(parts.home(os.environ)):
        pytest.skip(f"{parts.COMMAND} has not been run: no {missing[0]}")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    return Machine.prepared(tmp_path_factory.mktemp("runner"), shared / "act", quick=True)


@pytest.fixture
def shop(machine: Machine, tmp_path: Path) -> Iterator[Shop]:
    """The toy at GitHub, its first model on a branch."""
    with opened(tmp_path, machine) as made:
        yield made
