"""How a release was judged, read back from its run."""

from __future__ import annotations

import json
from pathlib import Path

from mlops_ci.errors import BackendError
from mlops_ci.ports.tracking import Tracker
from mlops_ci.records.codec import decode
from mlops_ci.records.evaluation import EvaluationDetails
from mlops_ci.records.models import Release
from mlops_ci.records.promotion import Judged
from mlops_ci.records.results import StageResult

EVALUATION = "evaluation.json"


def judged(release: Release, *, tracker: Tracker, scratch: Path) -> Judged:
    """The judgement that is kept with a release's run. It raises nothing: it is told, and decides nothing here."""
    try:
        path = tracker.fetch(release.run_id, EVALUATION, scratch / release.run_id)
    except BackendError as error:
        return Judged(release=release, reason=f"the tracking server does not tell: {error.message}", later=True)
    if path is None:
        return Judged(release=release, reason="its run keeps no judgement")
    try:
        result = decode(StageResult, json.loads(path.read_text("utf-8")))
        details = decode(EvaluationDetails, result.details)
    except (OSError, ValueError):
        return Judged(release=release, reason="its judgement was written by another version of mlops-ci")
    if details.candidate_digest != release.model_digest:
        return Judged(release=release, reason="the judgement of its run is about another model")
    return Judged(release=release, details=details)
