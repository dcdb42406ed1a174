"""What a release file has named over time, and what follows from it. Git alone is asked."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_ci.config import release_file
from mlops_ci.errors import ConfigError
from mlops_ci.io.git import Git
from mlops_ci.records.models import Release
from mlops_ci.stages.releases import same_or_unpacked

Named = Sequence[Release | None]


def history(git: Git, path: str) -> tuple[Release | None, ...]:
    """What the file named in each commit that changed it, the newest first; None where it was not there, or no release.

    Raises RepositoryError in a shallow clone, which has forgotten.
    """
    return tuple(_release(content, path) for content in git.versions(path))


def _release(content: bytes, path: str) -> Release | None:
    try:
        return release_file.parse(content, path=path) if content else None
    except ConfigError:
        return None


def earlier(seen: Named) -> list[Release]:
    """What was named before the release of now first was, the latest first: what a rollback goes back to.

    Not simply the one before: after a rollback that is the release that was taken back.
    """
    digests = [release.model_digest if release else "" for release in seen]
    current = digests[0] if digests else ""
    first = len(digests) - digests[::-1].index(current) if current else 0
    found: dict[str, Release] = {}
    for release in seen[first:]:
        if release is not None:
            found.setdefault(release.model_digest, release)
    return list(found.values())


def taken_back(release: Release, seen: Named) -> bool:
    """Whether the file named this release once and has since gone back to an older one, or to none."""
    digests = [found.model_digest if found else "" for found in seen]
    if not digests or digests[0] == release.model_digest or release.model_digest not in digests:
        return False
    older = digests[digests.index(release.model_digest) + 1 :]
    return not digests[0] or digests[0] in older


def named_otherwise(release: Release, seen: Named) -> bool:
    """Whether the file has named the same model with other settings, or packed otherwise. Going back to what it was
    before it was packed is not."""
    same = (found for found in seen if found is not None and found.model_digest == release.model_digest)
    return any(not same_or_unpacked(release, found) for found in same)
