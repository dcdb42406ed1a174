"""A repository whose pipeline is there and whose model nobody has trained."""

from __future__ import annotations

from tests.digests.conftest import repository

__all__ = ["repository"]
