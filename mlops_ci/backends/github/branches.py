"""Branches, commits and files at GitHub; a branch moves from one known commit to another, or not at all.

REST can't compare and swap: its PATCH of a ref checks that the new commit follows the old one, or with `force` checks
nothing, so that a commit pushed between a look and the PATCH would be lost. GraphQL's `updateRefs` takes the commit
that a ref must be at, and is used for every move.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from mlops_ci.backends.github.api import Api, word
from mlops_ci.backends.github.problems import GitHubError
from mlops_ci.backends.github.trees import new_tree
from mlops_ci.backends.push_stamp import fingerprint_of, stamped
from mlops_ci.errors import BackendError, ForgeConflict
from mlops_ci.records.forge import BranchCommit, Push

NOWHERE = "0" * 40
MOVE = """
mutation($repository: ID!, $name: GitRefname!, $before: GitObjectID!, $after: GitObjectID!) {
  updateRefs(input: {repositoryId: $repository,
                     refUpdates: [{name: $name, beforeOid: $before, afterOid: $after, force: true}]}) {
    clientMutationId
  }
}
"""


@dataclass(frozen=True)
class Branches:
    """See the Forge port for what each does."""

    api: Api

    def tip(self, branch: str) -> str:
        found = self.api.find(f"git/ref/heads/{word(branch)}")
        return found["object"]["sha"] if found else ""

    def there(self, branch: str) -> str:
        """A branch's tip. Raises BackendError where there is no such branch."""
        if not (found := self.tip(branch)):
            message = f"there is no branch {branch} in {self.api.access.repository}"
            raise BackendError(message, hint="git push it first", docs="forge.md")
        return found

    def contains(self, branch: str, commit: str) -> bool:
        found = self.api.find(f"compare/{word(commit)}...{word(branch)}")
        return found is not None and found["status"] in ("ahead", "identical")

    def read(self, path: str, at: str) -> bytes | None:
        found = self.api.find(f"contents/{word(path)}", ref=at)
        if not isinstance(found, dict) or found["type"] != "file":
            return None
        if found["encoding"] != "base64":
            found = self.api.get(f"git/blobs/{found['sha']}")
        return base64.b64decode(found["content"])

    def commits(self, branch: str, base: str) -> tuple[BranchCommit, ...]:
        found = self.api.find(f"compare/{word(base)}...{word(branch)}")
        if found is None:
            self.there(branch)
            self.there(base)
            raise BackendError(f"{branch} and {base} have no common commit", docs="forge.md")
        return tuple(
            BranchCommit(
                sha=item["sha"],
                parents=tuple(parent["sha"] for parent in item["parents"]),
                author=(item["author"] or {}).get("login") or item["commit"]["author"]["name"],
                subject=item["commit"]["message"].partition("\n")[0],
                fingerprint=fingerprint_of(
                    item["commit"]["message"],
                    parents=[parent["sha"] for parent in item["parents"]],
                    tree=item["commit"]["tree"]["sha"],
                ),
            )
            for item in reversed(found["commits"])
        )

    def push(self, push: Push) -> str:
        tree = new_tree(self.api, push.onto, push.files)
        now = self.tip(push.branch)
        if now != push.expected:
            return self._theirs(push, tree, now)
        message = stamped(push.message, fingerprint=push.fingerprint, base=push.onto, tree=tree)
        commit = self.api.post("git/commits", {"message": message, "tree": tree, "parents": [push.onto]})["sha"]
        try:
            self._move(push.branch, commit, push.expected)
        except GitHubError:
            now = self.tip(push.branch)
            if now == push.expected:
                raise
            return commit if now == commit else self._theirs(push, tree, now)
        return str(commit)

    def delete(self, branch: str, expected: str) -> None:
        now = self.tip(branch)
        if now and now != expected:
            raise _moved(branch)
        if now:
            try:
                self._move(branch, "", expected)
            except GitHubError:
                if (now := self.tip(branch)) == expected:
                    raise
                if now:
                    raise _moved(branch) from None

    def _theirs(self, push: Push, tree: str, now: str) -> str:
        """The tip that is not the one expected: what another process pushed alike, or else a conflict."""
        found = self.api.find(f"git/commits/{now}") if now else None
        if found is not None:
            parents = [parent["sha"] for parent in found["parents"]]
            fingerprint = fingerprint_of(found["message"], parents=parents, tree=found["tree"]["sha"])
            if (fingerprint, parents, found["tree"]["sha"]) == (push.fingerprint, [push.onto], tree):
                return now
        raise _moved(push.branch)

    def _move(self, branch: str, new: str, old: str) -> None:
        name = f"refs/heads/{branch}"
        self.api.graphql(MOVE, repository=self.api.node, name=name, before=old or NOWHERE, after=new or NOWHERE)


def _moved(branch: str) -> ForgeConflict:
    return ForgeConflict(f"the branch {branch} was moved by somebody else meanwhile", hint="run again")
