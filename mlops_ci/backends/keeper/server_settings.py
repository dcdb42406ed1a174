"""How a release's server is set up: the file that says so lies below the environment's folder, named by what it says,
so that a server that crashes comes back with the settings it was smoked with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_ci.digests.canonical import digest_of
from mlops_ci.io import files
from mlops_ci.records.models import Release
from mlops_ci.records.server import DRAIN_SECONDS


def settings_of(release: Release, windows: str) -> dict[str, Any]:
    """The release's own, as the server reads them; its request log goes to `windows`."""
    return with_windows({key: json.loads(value) for key, value in release.serving.items()}, windows)


def with_windows(settings: Mapping[str, Any], windows: str) -> dict[str, Any]:
    """The same; where they ask for a request log, it goes to `windows`."""
    if "log" not in settings:
        return dict(settings)
    return {**settings, "log": {**settings["log"], "folder": windows}}


def write_settings(folder: Path, settings: Mapping[str, Any]) -> Path:
    """The file with these settings."""
    path = folder / "settings" / f"{digest_of(settings)[:32]}.json"
    files.write_json(path, settings)
    return path


def prune_settings(folder: Path, words: Sequence[str]) -> None:
    """Those that a command line names stay: those of others are written when they come."""
    for path in (folder / "settings").glob("*.json"):
        if not any(path.name in word for word in words):
            path.unlink(missing_ok=True)


def drain_seconds(settings: Mapping[str, Any]) -> float:
    """How long the server may take to finish what it has begun."""
    found = settings.get("drain_seconds")
    return float(found) if isinstance(found, float | int) else DRAIN_SECONDS
