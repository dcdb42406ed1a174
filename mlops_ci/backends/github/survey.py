"""How a repository at GitHub is set up: the token's rights, what protects its branch, when schedules last ran.

Everything is read, and once: whoever asks is waiting. What the token may not read is None in the facts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops_ci.backends.github.api import Api, word
from mlops_ci.backends.github.problems import GitHubError
from mlops_ci.errors import UsageError
from mlops_ci.records.doctor import AccessFacts, RuleFacts, ScheduleFacts
from mlops_ci.records.github import Access, TokenKind

HIDDEN = (403, 404)  # what a token may not read, or GitHub does not have in a repository of this kind


@dataclass(frozen=True)
class Survey:
    """One repository."""

    api: Api

    @classmethod
    def of(cls, access: Access) -> Survey:
        return cls(Api(access, hurry=True))

    def access(self) -> AccessFacts:
        """The token and the repository. Raises UsageError where the token does not see the repository."""
        access = self.api.access
        found, headers = self._repository()
        scopes = headers.get("X-OAuth-Scopes")
        personal = access.kind is TokenKind.PERSONAL
        return AccessFacts(
            repository=access.repository,
            kind=access.kind,
            source=access.source,
            login=self._login() if personal else "",
            private=bool(found["private"]),
            archived=bool(found.get("archived")),
            default_branch=found["default_branch"],
            scopes=None if scopes is None else tuple(filter(None, (one.strip() for one in scopes.split(",")))),
            granted=self._granted(),
            role=found.get("permissions") if personal else None,
            may_open=self._may_open(),
            expires=headers.get("GitHub-Authentication-Token-Expiration", ""),
        )

    def rules(self, branch: str) -> RuleFacts:
        """Rulesets, and of the older protection the checks: who reads the repository may read both."""
        rules = self._rules(branch)
        known = self._visible(f"branches/{word(branch)}") or {}
        protected = bool(known.get("protected"))
        asked = any(rule["type"] == "pull_request" for rule in rules)
        return RuleFacts(
            branch=branch,
            protected=protected or bool(rules),
            checks=tuple(dict.fromkeys([*_of_rulesets(rules), *_of_protection(known)])),
            pull_request=True if asked else None if protected and not rules else False,
        )

    def schedules(self, paths: Collection[str]) -> tuple[ScheduleFacts, ...] | None:
        """The newest scheduled run of each of these workflows; None where the token may not read runs."""
        try:
            known = {item["path"]: item for item in self.api.pages("actions/workflows", key="workflows")}
            return tuple(self._schedule(path, known.get(path)) for path in paths)
        except GitHubError as error:
            if error.status in HIDDEN:
                return None
            raise

    def _schedule(self, path: str, found: Mapping[str, Any] | None) -> ScheduleFacts:
        if found is None or found["state"] == "deleted":
            return ScheduleFacts(path=path, state="")
        answer = self.api.get(f"actions/workflows/{found['id']}/runs", event="schedule", per_page="1")
        newest = next(iter(answer["workflow_runs"]), None)
        if newest is None:
            return ScheduleFacts(path=path, state=found["state"])
        return ScheduleFacts(
            path=path,
            state=found["state"],
            last=datetime.fromisoformat(newest["created_at"].replace("Z", "+00:00")),
            conclusion=newest["conclusion"] or "",
            url=newest["html_url"],
        )

    def _repository(self) -> tuple[Any, Mapping[str, str]]:
        try:
            return self.api.answer("")
        except GitHubError as error:
            if error.status == 401:
                raise UsageError(
                    f"GitHub does not take the token in {self.api.access.source}",
                    hint="it is wrong, was revoked or ran out: make a new one",
                    docs="github.md#tokens",
                ) from None
            if error.status == 404:
                raise UsageError(
                    f"the token in {self.api.access.source} does not see {self.api.access.repository}",
                    hint="is GITHUB_REPOSITORY right, and was the token, or the App, given this repository?",
                    docs="github.md#tokens",
                ) from None
            raise

    def _login(self) -> str:
        return str((self._visible("/user") or {}).get("login", ""))

    def _granted(self) -> Mapping[str, str] | None:
        """An App's permissions, where its own key is here to ask with."""
        key = self.api.access.key
        if key is None:
            return None
        found: Mapping[str, str] = self.api.as_app("installation", key)["permissions"]
        return found

    def _may_open(self) -> bool | None:
        """Whether GITHUB_TOKEN may open pull requests, which only administrators are told."""
        found = self._visible("actions/permissions/workflow")
        return None if found is None else bool(found["can_approve_pull_request_reviews"])

    def _rules(self, branch: str) -> list[Any]:
        try:
            return self.api.pages(f"rules/branches/{word(branch)}")
        except GitHubError as error:
            if error.status in HIDDEN:  # a private repository of a plan that has no rulesets, for one
                return []
            raise

    def _visible(self, path: str) -> Any | None:
        try:
            return self.api.get(path)
        except GitHubError as error:
            if error.status in HIDDEN:
                return None
            raise


def _of_rulesets(rules: list[Any]) -> Iterator[str]:
    for rule in rules:
        if rule["type"] == "required_status_checks":
            for check in rule["parameters"]["required_status_checks"]:
                yield check["context"]


def _of_protection(branch: Mapping[str, Any]) -> Iterator[str]:
    protection = branch.get("protection") or {}
    if protection.get("enabled", True):
        yield from (protection.get("required_status_checks") or {}).get("contexts") or ()
