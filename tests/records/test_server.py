"""The model server and the keeper stand alone, and have themselves what others know of them."""

from __future__ import annotations

from mlops_ci.io import keeper
from mlops_ci.records import server
from mlops_ci.serving import app, health
from mlops_ci.serving.settings import Settings


def test_what_is_known_of_the_server_is_what_it_keeps_to() -> None:
    assert health.PORT == server.PORT
    assert app.DIGEST_HEADER.decode() == server.DIGEST_HEADER
    assert Settings().drain_seconds == keeper.DRAIN_SECONDS == server.DRAIN_SECONDS
