"""Model repositories that have come so far, and a person at the command line of each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_ci.io import files
from tests.e2e.person import Person
from tests.e2e.shop import copied, opened
from tests.e2e.toy import crowned, first_model


@pytest.fixture
def toy(tmp_path: Path) -> Person:
    """A repository on a branch that brings the first model."""
    return first_model(tmp_path / "toy")


@pytest.fixture
def crown() -> Callable[[Person, str], None]:
    """Register what was judged and make it production's champion."""
    return crowned


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The opened shop, made once for all workers: by the first that needs it, while others wait."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    home, made = shared / "template/toy", shared / "template/made"
    with files.lock(shared / "template.lock", busy="", wait=True):
        if not made.exists():
            shutil.rmtree(home.parent, ignore_errors=True)  # of one that failed half-way
            home.parent.mkdir()
            opened(home)
            made.touch()
    return home


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Iterator[Person]:
    """A copy of the opened shop; whatever it serves is stopped at the end."""
    person = copied(template, tmp_path / "toy")
    yield person
    person.mlops("serve", "stop", "--all")
