"""Model repositories that have come so far, and a person at the command line of each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_ci.io import files
from tests.e2e.person import Person
from tests.e2e.shop import begun, copied, opened
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
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy, judged and merged, made once."""
    return once(tmp_path_factory, "start", begun)


@pytest.fixture(scope="session")
def template(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The opened shop, made once."""
    return once(tmp_path_factory, "template", lambda home: opened(start, home))


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A repository that all workers copy: the first that needs it makes it, while the others wait."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    home, made = shared / name / "toy", shared / name / "made"
    with files.lock(shared / f"{name}.lock", busy="", wait=True):
        if not made.exists():
            shutil.rmtree(home.parent, ignore_errors=True)  # of one that failed half-way
            home.parent.mkdir()
            make(home)
            made.touch()
    return home


@pytest.fixture
def fresh(start: Path, tmp_path: Path) -> Iterator[Person]:
    """The toy in two environments, judged and merged; whatever it serves is stopped at the end."""
    person = copied(start, tmp_path / "toy")
    yield person
    person.mlops("serve", "stop", "--all")


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Iterator[Person]:
    """A copy of the opened shop; whatever it serves is stopped at the end."""
    person = copied(template, tmp_path / "toy")
    yield person
    person.mlops("serve", "stop", "--all")
