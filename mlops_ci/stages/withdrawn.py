"""Releases that were taken back: not proposed again until somebody asks for them by name."""

from __future__ import annotations

from mlops_ci.config import release_file
from mlops_ci.errors import ConfigError
from mlops_ci.io.git import Git
from mlops_ci.stages.promote import Promotion


def withdrawn(promotion: Promotion, git: Git) -> str:
    """Why a release is not proposed: the file named it once and names another now; '' where it may be.

    A later version of the file takes no release back: only a return to an older one does.
    """
    if promotion.current is None or promotion.current == promotion.release:
        return ""
    seen = [_release(content, promotion.path) for content in git.versions(promotion.path)]
    wanted = promotion.release.model_digest
    after = seen[: seen.index(wanted)] if wanted in seen else []
    if not after or promotion.current.model_digest not in seen[seen.index(wanted) + 1 :]:
        return ""
    version, place = promotion.release.version, promotion.target.name
    again = f"mlops-ci promote --environment {place} --release {version}"
    return f"version {version} was taken back from {place}; '{again}' proposes it again"


def _release(content: bytes, path: str) -> str:
    """The model digest that a version of the file named, '' for none."""
    try:
        return release_file.parse(content, path=path).model_digest if content else ""
    except ConfigError:
        return ""
