"""The forge in the repository itself: branches are git's, and pull requests are files below `.mlops/forge/`.

Git is believed before the files: where a branch stands, and whether a merge has happened, is asked of it each time.
So a process may be killed between any two steps, and the next one finds what was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mlops_ci.backends.local_forge.merge import squash
from mlops_ci.backends.local_forge.pulls import FORMAT, LocalPulls, Merging, StoredComment, StoredPull, as_pull
from mlops_ci.backends.push_stamp import fingerprint_of, stamped
from mlops_ci.errors import BackendError, ForgeConflict, UsageError
from mlops_ci.io import clock, git_branches, git_write
from mlops_ci.io.git_write import NewCommit, Person
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.forge import (
    Approval,
    BranchCommit,
    Comment,
    NewPull,
    PullRequest,
    PullState,
    Push,
    stamp,
)

MACHINE = Person(name="mlops-ci", email="mlops-ci@localhost")
MOST_COMMITS = 250


@dataclass(frozen=True)
class LocalForge:
    """Keeps the `Forge` port for the repository at `root`; what is written is written by `actor`."""

    root: Path
    workspace: Workspace
    actor: Person = MACHINE

    @cached_property
    def stored(self) -> LocalPulls:
        return LocalPulls(self.workspace)

    def tip(self, branch: str) -> str:
        return git_branches.tip(self.root, branch)

    def contains(self, branch: str, commit: str) -> bool:
        return git_branches.contains(self.root, self.tip(branch), commit)

    def read(self, path: str, *, at: str) -> bytes | None:
        return git_branches.read(self.root, at, path)

    def commits(self, branch: str, *, base: str) -> tuple[BranchCommit, ...]:
        found = git_branches.log(self.root, self._there(branch), without=self._there(base), most=MOST_COMMITS)
        return tuple(
            BranchCommit(
                sha=item.sha,
                parents=item.parents,
                author=item.author,
                subject=item.message.partition("\n")[0],
                fingerprint=fingerprint_of(item.message, parents=item.parents, tree=item.tree),
            )
            for item in found
        )

    def push(self, push: Push) -> str:
        tree = git_write.write_tree(self.root, push.onto, push.files)
        with self.stored.locked():
            self._remember(push.branch)
            commit = self._push(push, tree)
            self._remember(push.branch)
            return commit

    def _push(self, push: Push, tree: str) -> str:
        now = self.tip(push.branch)
        if now != push.expected:
            if now and self._is(now, push, tree):
                return now
            raise ForgeConflict(f"the branch {push.branch} was moved by somebody else meanwhile", hint="run again")
        message = stamped(push.message, fingerprint=push.fingerprint, base=push.onto, tree=tree)
        new = NewCommit(tree=tree, parents=(push.onto,), message=message, author=self.actor)
        commit = git_write.commit(self.root, new)
        git_write.move(self.root, push.branch, commit, old=push.expected, why="mlops-ci: push")
        return commit

    def _remember(self, branch: str) -> None:
        """Write down what git says of a branch's open requests: whether they were merged, and where it stands."""
        for number in self.stored.numbers():
            stored = self.stored.read(number)
            if stored.branch == branch and stored.state is PullState.OPEN:
                found = self._settled(stored)
                tip = self.tip(branch) if found.state is PullState.OPEN else found.head
                self._write(stored, replace(found, head=tip or found.head))

    def _is(self, commit: str, push: Push, tree: str) -> bool:
        """Whether a commit is what this push would make."""
        (found,) = git_branches.log(self.root, commit, without=f"{commit}^@", most=1)
        fingerprint = fingerprint_of(found.message, parents=found.parents, tree=found.tree)
        return (fingerprint, found.parents, found.tree) == (push.fingerprint, (push.onto,), tree)

    def delete_branch(self, branch: str, *, expected: str) -> None:
        if self.tip(branch) and git_branches.checked_out(self.root, branch) is None:
            git_write.move(self.root, branch, "", old=expected, why="mlops-ci: delete")

    def pulls(self, *, branch: str = "", base: str = "", state: PullState | None = None) -> tuple[PullRequest, ...]:
        found = (self._settled(self.stored.read(number)) for number in reversed(self.stored.numbers()))
        return tuple(
            self._view(item)
            for item in found
            if branch in ("", item.branch) and base in ("", item.base) and state in (None, item.state)
        )

    def brought(self, commit: str) -> PullRequest | None:
        return next((pull for pull in self.pulls(state=PullState.MERGED) if pull.merge_commit == commit), None)

    def pull(self, number: int) -> PullRequest:
        return self._view(self._settled(self.stored.read(number)))

    def open(self, new: NewPull) -> PullRequest:
        head, base = self._there(new.branch), self._there(new.base)
        if git_branches.contains(self.root, base, head):
            raise UsageError(f"{new.base} has all of {new.branch} already", hint="commit to it first", docs="forge.md")
        with self.stored.locked():
            there = self.pulls(branch=new.branch, base=new.base, state=PullState.OPEN)
            if there:
                stored = self.stored.read(there[0].number)
                whole = replace(
                    stored,
                    labels=_joined(stored.labels, new.labels),
                    reviewers=_joined(stored.reviewers, new.reviewers),
                )
                return self._write(stored, whole)
            fresh = StoredPull(
                format=FORMAT,
                number=self.stored.next(),
                state=PullState.OPEN,
                title=new.title,
                body=new.body,
                branch=new.branch,
                base=new.base,
                author=str(self.actor),
                opened_at=clock.timestamp(),
                draft=new.draft,
                labels=_joined((), new.labels),
                reviewers=_joined((), new.reviewers),
                head=head,
            )
            return self._write(None, fresh)

    def update(
        self, number: int, *, title: str | None = None, body: str | None = None, draft: bool | None = None
    ) -> PullRequest:
        with self.stored.locked():
            old = self._current(number)
            new = replace(
                old,
                title=old.title if title is None else title,
                body=old.body if body is None else body,
                draft=old.draft if draft is None else draft,
            )
            return self._write(old, new)

    def label(self, number: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        with self.stored.locked():
            old = self._current(number)
            kept = tuple(label for label in old.labels if label not in remove)
            self._write(old, replace(old, labels=_joined(kept, add)))

    def request_review(self, number: int, reviewers: Sequence[str]) -> None:
        with self.stored.locked():
            old = self._current(number)
            self._write(old, replace(old, reviewers=_joined(old.reviewers, reviewers)))

    def comments(self, number: int) -> tuple[Comment, ...]:
        return tuple(
            Comment(
                author=item.author,
                body=item.body,
                at=item.at,
                own=item.author == str(self.actor),
                bot=item.author == str(MACHINE),
            )
            for item in self.stored.read(number).comments
        )

    def comment(self, number: int, body: str, *, marker: str) -> None:
        text = f"{stamp(marker)}\n{body}"
        with self.stored.locked():
            old = self._current(number)
            mine = [c for c in old.comments if c.author == str(self.actor) and c.body.startswith(stamp(marker))]
            if mine:
                comments = tuple(replace(c, body=text) if c is mine[0] else c for c in old.comments)
            else:
                comments = (*old.comments, StoredComment(author=str(self.actor), body=text, at=clock.timestamp()))
            self._write(old, replace(old, comments=comments))

    def approvals(self, number: int) -> tuple[Approval, ...]:
        return self.stored.read(number).approvals

    def approve(self, number: int) -> Approval:
        """Record that `actor` approves what the branch is now. Raises UsageError where the request is not open."""
        with self.stored.locked():
            old = self._open(number, "approved")
            mine = Approval(author=str(self.actor), commit=self._there(old.branch), at=clock.timestamp())
            before = next((item for item in old.approvals if item.author == mine.author), None)
            if before is not None and before.commit == mine.commit:
                return before
            others = tuple(item for item in old.approvals if item is not before)
            self._write(old, replace(old, approvals=(*others, mine)))
            return mine

    def conflicts(self, pull: PullRequest) -> tuple[str, ...]:
        """The files in which an open pull request and its base don't go together; () where nobody can tell."""
        base = self.tip(pull.base)
        if pull.state is not PullState.OPEN or not (pull.head and base):
            return ()
        return git_branches.merged(self.root, base, pull.head).conflicts

    def close(self, number: int) -> PullRequest:
        with self.stored.locked():
            old = self._current(number)
            if old.state is PullState.CLOSED:
                return self._view(old)
            self._open(number, "closed")
            closed = replace(
                old, state=PullState.CLOSED, head=self.tip(old.branch), closed_at=clock.timestamp(), merging=None
            )
            return self._write(old, closed)

    def merge(self, number: int, *, head: str) -> PullRequest:
        with self.stored.locked():
            old = self._current(number)
            if old.state is PullState.MERGED:
                return self._write(None, old)
            self._open(number, "merged")
            if old.draft:
                hint = f"mlops-ci forge ready {number}, once it is"
                raise UsageError(f"pull request {number} is a draft", hint=hint, docs="forge.md")
            if self._there(old.branch) != head:
                raise ForgeConflict(f"the branch {old.branch} is no longer at {head[:12]}", hint="look at it again")
            before = self._there(old.base)
            commit = squash(self.root, old, head=head, onto=before, author=self.actor)
            begun = replace(old, merging=Merging(commit=commit, head=head, at=clock.timestamp()))
            self.stored.write(begun)
            git_write.fast_forward(self.root, old.base, commit, old=before, why=f"mlops-ci: merge {number}")
            return self._write(begun, self._settled(begun))

    def _settled(self, stored: StoredPull) -> StoredPull:
        """The record as git has it: what the base has, by our merge or by a person's `git merge`, is merged."""
        if stored.state is not PullState.OPEN:
            return stored
        begun, head = stored.merging, self.tip(stored.branch) or stored.head
        if begun is not None and self.contains(stored.base, begun.commit):
            done = replace(stored, head=begun.head, merge_commit=begun.commit, closed_at=begun.at)
        elif self.contains(stored.base, head):
            done = replace(stored, head=head, merge_commit=head)
        else:
            return stored
        return replace(done, state=PullState.MERGED, merging=None)

    def _current(self, number: int) -> StoredPull:
        return self._settled(self.stored.read(number))

    def _open(self, number: int, what: str) -> StoredPull:
        """The record of an open pull request. Raises UsageError for any other: it can't be `what`."""
        found = self._current(number)
        if found.state is not PullState.OPEN:
            message = f"pull request {number} is {found.state.value}, so it can't be {what}"
            raise UsageError(message, hint="mlops-ci forge list", docs="forge.md")
        return found

    def _write(self, old: StoredPull | None, new: StoredPull) -> PullRequest:
        if new != old:
            self.stored.write(new)
        return self._view(new)

    def _there(self, branch: str) -> str:
        found = self.tip(branch)
        if not found:
            raise BackendError(f"there is no branch {branch} here", hint="see 'git branch'", docs="forge.md")
        return found

    def _view(self, stored: StoredPull) -> PullRequest:
        return as_pull(stored, self.tip(stored.branch) if stored.state is PullState.OPEN else stored.head)


def _joined(had: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """Both, each once, in the order they came."""
    return tuple(dict.fromkeys((*had, *more)))
