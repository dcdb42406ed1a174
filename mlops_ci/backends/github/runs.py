"""Workflow runs at GitHub, and the zips they hand over.

https://docs.github.com/rest/actions/artifacts: a zip is answered by a link to another host that needs no token, so
none is sent there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from mlops_ci.backends.github import patience
from mlops_ci.backends.github.api import Api
from mlops_ci.backends.github.problems import GitHubError, refused
from mlops_ci.backends.github.pulls import Pulls
from mlops_ci.errors import ArchiveRefused, BackendError, UsageError
from mlops_ci.io import clock
from mlops_ci.records.forge import PullRequest
from mlops_ci.records.runs import Artifact, WorkflowRun

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONNECT, READ = 10, 60  # seconds
TRIES = 3
PIECE = 64 * 1024


@dataclass(frozen=True)
class WorkflowRuns:
    """Keeps the `Runs` port for one repository at GitHub."""

    api: Api

    def run(self, number: int) -> WorkflowRun:
        found = self.api.find(f"actions/runs/{number}")
        if found is None:
            message = f"there is no workflow run {number} in {self.api.access.repository}"
            raise UsageError(message, hint="may the token read actions?", docs="forks.md#permissions")
        return WorkflowRun(
            number=found["id"],
            event=found["event"],
            head=found["head_sha"],
            branch=found["head_branch"] or "",
            repository=_repository(found),
            conclusion=found["conclusion"] or "",
            url=found["html_url"],
        )

    def pulls(self, run: WorkflowRun) -> tuple[PullRequest, ...]:
        """By branch, since GitHub keeps no list of pull requests by a fork's commit; then by commit and repository."""
        if not run.repository or not run.branch:
            return ()
        head = f"{run.repository.partition('/')[0]}:{run.branch}"
        found = self.api.pages("pulls", state="open", head=head)
        view = Pulls(self.api).view
        mine = [item for item in found if item["head"]["sha"] == run.head and _repository_of(item) == run.repository]
        return tuple(view(item) for item in sorted(mine, key=lambda item: int(item["number"])))

    def artifacts(self, run: WorkflowRun) -> tuple[Artifact, ...]:
        found = self.api.pages(f"actions/runs/{run.number}/artifacts", key="artifacts")
        newest = {item["name"]: item for item in sorted(found, key=lambda item: int(item["id"]))}
        return tuple(
            Artifact(number=item["id"], name=item["name"], size=item["size_in_bytes"], expired=item["expired"])
            for item in newest.values()
        )

    def fetch(self, artifact: Artifact, *, most: int) -> bytes:
        for attempt in range(TRIES):
            try:
                return _download(self._link(artifact), most)
            except requests.RequestException as error:
                if attempt == TRIES - 1:
                    # Neither the link nor its text: it is as good as a token.
                    reason = type(error).__name__
                    raise BackendError(f"the artifact {artifact.number} can't be fetched: {reason}") from None
                clock.sleep(patience.backoff(attempt))
        raise AssertionError("the last attempt returns or raises")

    def _link(self, artifact: Artifact) -> str:
        url = f"{self.api.access.api_url}/repos/{self.api.access.repository}/actions/artifacts/{artifact.number}/zip"
        answer = self.api.session.request("GET", url, allow_redirects=False)
        if answer.status_code != 302:
            raise refused(answer, self.api.session.auth.secrets)
        link = str(answer.headers.get("Location", ""))
        place = urlsplit(link)
        if place.scheme != "https" and not (place.scheme == "http" and place.hostname in LOOPBACK):
            raise BackendError(f"GitHub's link to the artifact {artifact.number} is no https URL")
        return link


def _download(link: str, most: int) -> bytes:
    """What a link leads to, without a credential of any kind. It goes nowhere else."""
    with requests.Session() as session:
        session.auth = lambda request: request  # no ~/.netrc either
        with session.get(link, stream=True, timeout=(CONNECT, READ), allow_redirects=False) as answer:
            if answer.status_code in patience.PASSING:
                raise requests.ConnectionError("it may be there the next time")
            if answer.status_code != 200:
                host = urlsplit(link).hostname
                raise GitHubError(f"{host} answered {answer.status_code} for an artifact", status=answer.status_code)
            content = bytearray()
            for piece in answer.iter_content(PIECE):
                content += piece
                if len(content) > most:
                    raise ArchiveRefused(f"it has more than {most:,} bytes")
    return bytes(content)


def _repository(raw: Mapping[str, Any]) -> str:
    return str((raw.get("head_repository") or {}).get("full_name", ""))


def _repository_of(pull: Mapping[str, Any]) -> str:
    return str((pull["head"].get("repo") or {}).get("full_name", ""))
