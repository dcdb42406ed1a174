"""Pull requests at GitHub: found, opened, changed and closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_ci.backends.github import patience
from mlops_ci.backends.github.api import Api, word
from mlops_ci.backends.github.branches import Branches
from mlops_ci.backends.github.people import People
from mlops_ci.backends.github.problems import GitHubError, missing
from mlops_ci.errors import UsageError
from mlops_ci.io import clock
from mlops_ci.records.forge import NewPull, PullRequest, PullState

LOOKS = 5  # for a pull request that GitHub says is there, and does not list yet
DRAFT = "mutation($pull: ID!) { convertPullRequestToDraft(input: {pullRequestId: $pull}) { pullRequest { isDraft } } }"
READY = (
    "mutation($pull: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $pull}) { pullRequest { isDraft } } }"
)


@dataclass(frozen=True)
class Pulls:
    """See the Forge port for what each does."""

    api: Api

    @property
    def people(self) -> People:
        return People(self.api)

    def all(self, branch: str, base: str, state: PullState | None) -> tuple[PullRequest, ...]:
        query = {"state": "all" if state is None else "open" if state is PullState.OPEN else "closed"}
        if branch:
            query["head"] = f"{self.api.access.owner}:{branch}"
        if base:
            query["base"] = base
        found = [self.view(item) for item in self.api.pages("pulls", sort="created", direction="desc", **query)]
        kept = [pull for pull in found if state in (None, pull.state)]
        return tuple(sorted({pull.number: pull for pull in kept}.values(), key=lambda pull: -pull.number))

    def raw(self, number: int) -> Mapping[str, Any]:
        """A pull request as GitHub tells it. Raises UsageError for a number that none has."""
        found = self.api.find(f"pulls/{number}")
        if found is None:
            raise missing(self.api.access.repository, number)
        assert isinstance(found, Mapping)
        return found

    def brought(self, commit: str) -> PullRequest | None:
        try:
            found = self.api.find(f"commits/{commit}/pulls") or []
        except GitHubError as error:
            if error.status != 422:  # that is a commit that GitHub does not have
                raise
            return None
        merged = [pull for pull in map(self.view, found) if pull.state is PullState.MERGED]
        return next((pull for pull in merged if pull.merge_commit == commit), merged[0] if merged else None)

    def open(self, new: NewPull) -> PullRequest:
        if there := self._there(new):
            return self._whole(there, new)
        body = {"title": new.title, "body": new.body, "head": new.branch, "base": new.base, "draft": new.draft}
        try:
            made = self.api.make("pulls", body, made=lambda: self._there(new))
        except GitHubError as error:
            if error.status != 422:
                raise
            return self._whole(self._refused(new, error), new)
        if isinstance(made, PullRequest):
            return self._whole(made, new)
        return self._whole(self.view(made), new, fresh=True)

    def _refused(self, new: NewPull, error: GitHubError) -> PullRequest:
        """The pull request for which another is refused. Raises where the reason is another one."""
        if "no commits between" in error.message.lower():
            hint = "commit to it first"
            raise UsageError(f"{new.base} has all of {new.branch} already", hint=hint, docs="forge.md") from None
        for branch in (new.branch, new.base):
            Branches(self.api).there(branch)
        for look in range(LOOKS if "already exists" in error.message else 0):  # its lists may lag behind
            if (found := self._there(new)) is not None:
                return found
            clock.sleep(patience.backoff(look))
        raise error

    def _there(self, new: NewPull) -> PullRequest | None:
        found = self.all(new.branch, new.base, PullState.OPEN)
        return found[0] if found else None

    def _whole(self, pull: PullRequest, new: NewPull, *, fresh: bool = False) -> PullRequest:
        """The same with the labels and reviewers it lacks."""
        added = self._add(pull, new.labels)
        asked = self.people.ask(pull, new.reviewers, fresh=fresh)
        return self.view(self.raw(pull.number)) if added or asked else pull

    def update(self, number: int, title: str | None, body: str | None, draft: bool | None) -> PullRequest:
        raw = self.raw(number)
        old = self.view(raw)
        changes = {
            name: new
            for name, new, now in (("title", title, old.title), ("body", body, old.body))
            if new is not None and new != now
        }
        if changes:
            raw = self.api.patch(f"pulls/{number}", changes)
        if draft is not None and draft != old.draft:
            self.api.graphql(DRAFT if draft else READY, pull=raw["node_id"])
            raw = {**raw, "draft": draft}
        return self.view(raw)

    def label(self, number: int, add: Sequence[str], remove: Sequence[str]) -> None:
        pull = self.view(self.raw(number))
        for name in dict.fromkeys(remove):
            if name in pull.labels and name not in add:
                self.api.delete(f"issues/{number}/labels/{word(name)}")
        self._add(pull, add)

    def _add(self, pull: PullRequest, labels: Sequence[str]) -> bool:
        lacking = [name for name in dict.fromkeys(labels) if name not in pull.labels]
        if lacking:
            self.api.post(f"issues/{pull.number}/labels", {"labels": lacking})
        return bool(lacking)

    def close(self, number: int) -> PullRequest:
        pull = self.view(self.raw(number))
        if pull.state is PullState.MERGED:
            raise unfit(pull, "closed")
        if pull.state is PullState.OPEN:
            pull = self.view(self.api.patch(f"pulls/{number}", {"state": "closed"}))
        return pull

    def view(self, raw: Mapping[str, Any]) -> PullRequest:
        """A branch of a fork is shown as `owner:branch`: it is no branch of ours, whatever its name."""
        head, merged = raw["head"], raw.get("merged_at") is not None
        ours = (head.get("repo") or {}).get("full_name", "").lower() == self.api.access.repository.lower()
        state = PullState.MERGED if merged else PullState(raw["state"])
        return PullRequest(
            number=raw["number"],
            state=state,
            title=raw["title"],
            body=(raw.get("body") or "").replace("\r\n", "\n"),
            branch=head["ref"] if ours else head.get("label") or f"unknown:{head['ref']}",
            base=raw["base"]["ref"],
            head=head["sha"],
            author=(raw.get("user") or {}).get("login", "ghost"),
            opened_at=raw["created_at"],
            draft=bool(raw.get("draft")),
            labels=tuple(item["name"] for item in raw.get("labels", ())),
            reviewers=(
                *(item["login"] for item in raw.get("requested_reviewers") or ()),
                *(f"{self.api.access.owner}/{item['slug']}" for item in raw.get("requested_teams") or ()),
            ),
            closed_at=raw.get("closed_at") or "",
            merge_commit=(raw.get("merge_commit_sha") or "") if merged else "",
            url=raw.get("html_url", ""),
        )


def unfit(pull: PullRequest, what: str) -> UsageError:
    """A pull request that is not open can't be `what`."""
    message = f"pull request {pull.number} is {pull.state.value}, so it can't be {what}"
    return UsageError(message, hint=pull.url, docs="forge.md")
