"""What a promotion asks for before it proposes."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from mlops_ci.config import release_file
from mlops_ci.records.models import Release
from mlops_ci.records.promotion import Judged
from mlops_ci.report.promotion_text import sections
from mlops_ci.stages.promote import Promotion, propose
from tests.backends.forge_place import LocalPlace
from tests.stages.releasing import model, release

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize("there", [False, True])
def test_what_the_base_has_already_asks_the_tracker_nothing(tmp_path: Path, there: bool) -> None:
    place = LocalPlace.create(tmp_path / "r")
    toy, found = model(), release(1, commit="a" * 40, run_id="r1")
    source, target = toy.environments
    promotion = Promotion(model=toy, release=found, source=source, target=target, current=found if there else None)
    if there:
        place.commit("main", {promotion.path: release_file.render(found).decode()})
    asked: list[Release] = []

    def judged(release: Release) -> Judged:
        asked.append(release)
        return Judged(release=release, reason="not kept")

    result = propose(promotion, forge=place.forge, base="main", text=sections, judged=judged, now=NOW, sequence=1)
    assert asked == ([] if there else [found])
    assert ("has it already" if there else "opened") in result.reason
