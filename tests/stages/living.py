"""Proposals for tests, and what a forge holds at a moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from mlops_ci.records.living import Proposal
from tests.backends.forge_contract import RELEASE
from tests.backends.forge_place import LocalPlace

NOW = datetime.now(timezone.utc)
KEY = "promote/a/production"
BRANCH = f"mlops-ci/{KEY}"


def proposal(content: str = "1", **changed: object) -> Proposal:
    made = Proposal(
        key=KEY,
        base="main",
        title=f"Promote a {content}",
        sections=("### What changes\n\nVersion " + content, "### Roll back\n\ngit revert"),
        files={RELEASE: f"version {content}\n".encode()},
        fingerprint=content.encode().hex().rjust(8, "0"),
        labels=("mlops-ci",),
        reviewers=("ann",),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def written(place: LocalPlace) -> tuple[str, dict[str, tuple[int, bytes]]]:
    """Every branch, and every record with the moment it was last written: equal means that nothing was written."""
    folder = place.forge.stored.folder
    records = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.glob("*.json"))}
    return place.repository.git("for-each-ref", "--format=%(refname) %(objectname)"), records
