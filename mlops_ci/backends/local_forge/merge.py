"""The commit that a merge in the local forge makes."""

from __future__ import annotations

from pathlib import Path

from mlops_ci.backends.local_forge.pulls import StoredPull
from mlops_ci.errors import MergeConflict, UsageError
from mlops_ci.io import git_branches, git_write
from mlops_ci.io.git_write import NewCommit, Person


def squash(root: Path, stored: StoredPull, *, head: str, onto: str, author: Person) -> str:
    """Everything of `head` as one commit on `onto`; no branch has it yet. Who approved exactly this head stands in it.

    Raises MergeConflict with the files, UsageError where it changes nothing.
    """
    together = git_branches.merged(root, onto, head)
    if together.conflicts:
        raise MergeConflict(stored.branch, stored.base, together.conflicts)
    if together.tree == git_branches.tree(root, onto):
        hint = f"mlops-ci forge close {stored.number}"
        raise UsageError(f"pull request {stored.number} changes nothing on {stored.base}", hint=hint, docs="forge.md")
    message = _message(stored, head)
    return git_write.commit(root, NewCommit(tree=together.tree, parents=(onto,), message=message, author=author))


def _message(stored: StoredPull, head: str) -> str:
    trailers = [f"Pull-Request: {stored.number}", f"Pull-Request-Head: {head}"]
    trailers += [f"Approved-by: {item.author}" for item in stored.approvals if item.commit == head]
    return f"{' '.join(stored.title.split())} (#{stored.number})\n\n" + "\n".join(trailers) + "\n"
