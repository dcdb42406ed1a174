"""Real repositories in temporary folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.digests.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A new git repository on branch main, with one empty commit."""
    made = Repository.create(tmp_path / "repository")
    made.commit("Begin")
    return made
