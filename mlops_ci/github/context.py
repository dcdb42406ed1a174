"""What GitHub Actions tells a job through its environment, read once into a record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.errors import UsageError

LARGEST_EVENT = 32 * 1024 * 1024  # bytes
SERVER = "https://github.com"
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class GitHubContext:
    """One job. `event` is what started it (`pull_request`, `push`, …), `payload` its document.

    Names of branches and titles in it come from outside: escape them before they are shown.
    """

    repository: str
    server_url: str
    event: str
    sha: str
    ref: str
    base_branch: str
    head_branch: str
    actor: str
    run_id: str
    run_attempt: str
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def pull(self) -> int:
        """The number of the pull request that this is about, 0 where it is about none."""
        found = _at(self.payload, "pull_request", "number")
        return found if isinstance(found, int) else 0

    @property
    def head(self) -> str:
        """The commit that is judged: a pull request's own, not the merge that Actions checks out."""
        found = _at(self.payload, "pull_request", "head", "sha")
        return found if isinstance(found, str) else self.sha

    @property
    def before(self) -> str:
        """What the branch was at before a push, '' where nothing was pushed; zeros where there was no such branch."""
        found = _at(self.payload, "before") if self.event == "push" else None
        return found if isinstance(found, str) and COMMIT.fullmatch(found) else ""

    @property
    def fork(self) -> bool:
        """Whether the branch is another repository's, so that nothing of it is trusted and no token can write."""
        if not self.pull:
            return False
        found = _at(self.payload, "pull_request", "head", "repo", "full_name")
        return not isinstance(found, str) or found.lower() != self.repository.lower()

    @property
    def run_url(self) -> str:
        """The page of this run, '' outside of Actions."""
        return f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}" if self.run_id else ""


def run_url(environ: Mapping[str, str]) -> str:
    """The page of this run, without reading what started it."""
    return context({**environ, "GITHUB_EVENT_PATH": ""}).run_url


def in_actions(environ: Mapping[str, str]) -> bool:
    """Whether this runs in GitHub Actions, or a runner that does as it does."""
    return environ.get("GITHUB_ACTIONS") == "true"


def context(environ: Mapping[str, str]) -> GitHubContext:
    """The job around us; fields are '' where the environment lacks them. Raises UsageError for an unusable event."""
    return GitHubContext(
        repository=environ.get("GITHUB_REPOSITORY", ""),
        server_url=environ.get("GITHUB_SERVER_URL", "").rstrip("/") or SERVER,
        event=environ.get("GITHUB_EVENT_NAME", ""),
        sha=environ.get("GITHUB_SHA", ""),
        ref=environ.get("GITHUB_REF", ""),
        base_branch=environ.get("GITHUB_BASE_REF", ""),
        head_branch=environ.get("GITHUB_HEAD_REF", ""),
        actor=environ.get("GITHUB_ACTOR", ""),
        run_id=environ.get("GITHUB_RUN_ID", ""),
        run_attempt=environ.get("GITHUB_RUN_ATTEMPT", ""),
        payload=_payload(environ.get("GITHUB_EVENT_PATH", "")),
    )


def _payload(path: str) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        if Path(path).stat().st_size > LARGEST_EVENT:
            raise ValueError("it is larger than 32 MiB")
        found = json.loads(Path(path).read_text("utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = "GITHUB_EVENT_PATH names the event's JSON; Actions sets it"
        raise UsageError(f"the event can't be read: {reason}", where=path, hint=hint, docs="github.md") from None
    return found


def _at(node: Any, *words: str) -> Any:
    for word in words:
        node = node.get(word) if isinstance(node, Mapping) else None
    return node
