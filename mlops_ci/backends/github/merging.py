"""A merge at GitHub: one commit on the base, or a reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_ci.backends.github import patience
from mlops_ci.backends.github.api import Api, word
from mlops_ci.backends.github.people import People
from mlops_ci.backends.github.problems import GitHubError, Unsure
from mlops_ci.backends.github.pulls import Pulls, unfit
from mlops_ci.errors import BackendError, ForgeConflict, MergeConflict, UsageError
from mlops_ci.io import clock
from mlops_ci.records.forge import PullRequest, PullState

LOOKS = 6  # until GitHub has found out whether two branches go together


@dataclass(frozen=True)
class Merging:
    """See the Forge port for what it does."""

    api: Api

    @property
    def pulls(self) -> Pulls:
        return Pulls(self.api)

    def merge(self, number: int, head: str) -> PullRequest:
        raw = self.pulls.raw(number)
        pull = self.pulls.view(raw)
        if pull.state is PullState.MERGED:
            return pull
        if pull.state is not PullState.OPEN:
            raise unfit(pull, "merged")
        if pull.draft:
            raise UsageError(f"pull request {number} is a draft", hint=f"mark it as ready: {pull.url}", docs="forge.md")
        if pull.head != head:
            raise ForgeConflict(f"the branch {pull.branch} is no longer at {head[:12]}", hint="look at it again")
        self._together(raw, pull)
        return self._merged(pull, self._asked(pull))

    def _merged(self, pull: PullRequest, asked: Mapping[str, str]) -> PullRequest:
        """Ask, and look, until it has happened; `sha` in what is asked makes a second time harmless."""
        for attempt in range(LOOKS):
            error: BackendError | None = None
            try:
                self.api.put(f"pulls/{pull.number}/merge", asked)
            except (GitHubError, Unsure) as caught:
                error = caught
            done = self.pulls.view(self.pulls.raw(pull.number))
            if done.state is PullState.MERGED:
                return done
            if isinstance(error, GitHubError):
                raise _why(error, done, asked["sha"]) from None
            clock.sleep(patience.backoff(attempt))
        raise BackendError(
            f"GitHub does not merge pull request {pull.number}", hint="run again later", docs="github.md"
        )

    def _asked(self, pull: PullRequest) -> Mapping[str, str]:
        approved = [item.author for item in People(self.api).approvals(pull.number) if item.commit == pull.head]
        trailers = [f"Pull-Request: {pull.number}", f"Pull-Request-Head: {pull.head}"]
        trailers += [f"Approved-by: {author}" for author in approved]
        return {
            "sha": pull.head,
            "merge_method": "squash",
            "commit_title": f"{' '.join(pull.title.split())} (#{pull.number})",
            "commit_message": "\n".join(trailers),
        }

    def _together(self, raw: Mapping[str, Any], pull: PullRequest) -> None:
        """Raises MergeConflict where the two don't go together, UsageError where nothing would change."""
        for look in range(LOOKS):
            if raw["mergeable"] is not None:
                break
            clock.sleep(patience.backoff(look))
            raw = self.pulls.raw(pull.number)
        if raw["mergeable"] is False:
            raise MergeConflict(pull.branch, pull.base, self._conflicts(pull))
        trial, base = raw.get("merge_commit_sha"), raw["base"]["sha"]
        if trial and self._tree(trial) == self._tree(base):
            hint = f"close it: {pull.url}"
            message = f"pull request {pull.number} changes nothing on {pull.base}"
            raise UsageError(message, hint=hint, docs="forge.md")

    def _tree(self, commit: str) -> str:
        found = self.api.find(f"git/commits/{commit}")
        return found["tree"]["sha"] if found else commit

    def _conflicts(self, pull: PullRequest) -> tuple[str, ...]:
        """GitHub names no files: those that both sides changed since they parted are the ones it can be about."""

        def changed(old: str, new: str) -> set[str]:
            found = self.api.get(f"compare/{word(old)}...{word(new)}")
            return {item["filename"] for item in found.get("files") or ()}

        both = changed(pull.base, pull.head) & changed(pull.head, pull.base)
        return tuple(sorted(both)) or ("files GitHub does not name",)


def _why(error: GitHubError, now: PullRequest, head: str) -> BackendError:
    """What a refusal means: somebody else was faster, or GitHub's own words."""
    if now.head != head:
        return ForgeConflict(f"the branch {now.branch} is no longer at {head[:12]}", hint="look at it again")
    if "modified" in error.message:
        return ForgeConflict(f"{now.base} moved while {now.number} was being merged", hint="merge it again")
    return error
