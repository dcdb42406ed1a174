"""What a run keeps, brought and proven: its model byte for byte, and what describes the environment of its training."""

from __future__ import annotations

import json
from pathlib import Path

from mlops_ci.digests.directory import digest_directory
from mlops_ci.errors import BackendError, MlopsError, StaleError
from mlops_ci.ports.building import Described
from mlops_ci.ports.tracking import Tracker

MODEL = "model"


def bring_model(
    run_id: str, digest: str, into: Path, *, tracker: Tracker, untouched: str = "what serves now serves on"
) -> Path:
    """Put a run's model into `into/model`. Raises StaleError where its bytes are not the digest's; `untouched` says
    what that leaves as it was."""
    stored = tracker.fetch(run_id, MODEL, into)
    try:
        found = digest_directory(stored) if stored else "nothing"
    except MlopsError as error:
        found = str(error)
    if stored is None or found != digest:
        found = found[:12] if len(found) == len(digest) else found
        raise StaleError(
            f"the stored model is not the one that was released: {found} instead of {digest[:12]}",
            hint=f"somebody changed the artifacts of its run; {untouched}",
        )
    return stored


def described(run_id: str, into: Path, *, tracker: Tracker) -> Described:
    """The files that describe the environment a run was trained in, below `into`. Raises BackendError."""
    folder = tracker.fetch(run_id, "environment", into)
    if folder is None:
        raise BackendError(f"run {run_id} kept no environment, so it can't be rebuilt")
    try:
        kept = json.loads((folder / "environment.json").read_text("utf-8"))
        names, spec, version = tuple(map(str, kept["files"])), str(kept["spec"]), str(kept["python"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BackendError(f"run {run_id} kept an environment that is not readable") from None
    return Described(folder=folder, files=names, spec=spec, python=version)
