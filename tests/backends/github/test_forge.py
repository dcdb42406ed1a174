"""The forge at GitHub keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.forge_contract import ForgeContract
from tests.backends.forge_place import ForgePlace
from tests.backends.github_place import StillClock, github, still

__all__ = ["still"]
pytestmark = pytest.mark.slow


class TestGitHubForge(ForgeContract):
    @pytest.fixture
    def place(self, tmp_path: Path, still: StillClock) -> Iterator[ForgePlace]:
        with github(tmp_path) as place:
            yield place
