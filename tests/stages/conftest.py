"""The tiny repository, for tests of this folder."""

from __future__ import annotations

from tests.e2e.tiny import stocked, tiny

__all__ = ["stocked", "tiny"]
