"""What a run keeps is brought only where it is what was released, to the last digit of its digest."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import StaleError
from mlops_ci.ports.tracking import Tracker
from mlops_ci.stages.stored import bring_model


class Kept:
    """A tracker with one model, which brings it as it is."""

    def fetch(self, run_id: str, artifact: str, into: Path) -> Path:
        (into / artifact).mkdir()
        (into / artifact / "weights").write_text("1")
        return into / artifact


def test_a_digest_that_begins_alike_is_another(tmp_path: Path) -> None:
    (tmp_path / "same").mkdir()
    (tmp_path / "other").mkdir()
    tracker = cast(Tracker, Kept())
    (tmp_path / "own").mkdir()
    (tmp_path / "own/weights").write_text("1")
    digest = digest_directory(tmp_path / "own")
    assert bring_model("r", digest, tmp_path / "same", tracker=tracker) == tmp_path / "same/model"
    with pytest.raises(StaleError, match=f"{digest[:12]} instead of {digest[:12]}"):
        bring_model("r", digest[:12] + "0" * 52, tmp_path / "other", tracker=tracker)
