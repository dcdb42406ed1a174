"""Git, read-only: where we are, where the branch began, and the files of a revision or of the working tree.

One `Git` is one moment: what it found once about the working tree it keeps, so that all answers agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mlops_ci.errors import RepositoryError
from mlops_ci.io import git_branches, git_command
from mlops_ci.io.git_tree import RevisionTree, WorkingTree
from mlops_ci.io.process import MissingProgram

DEFAULT_BRANCHES = ("main", "master")
OURS = ".mlops/"
HEAD = "# branch.oid "
FIELDS = {"1": 8, "u": 10}  # what stands before the path in an entry: of a changed file, of an unmerged one
WHOLE_HISTORY = "git fetch --unshallow origin; in GitHub Actions, give actions/checkout 'fetch-depth: 0'"


@dataclass(frozen=True)
class Git:
    """The repository whose work tree is `root`."""

    root: Path
    _contents: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, directory: Path) -> Git:
        """The repository around `directory`. Raises RepositoryError where there is none, or no git."""
        try:
            done = git_command.run(directory, "rev-parse", "--show-toplevel")
        except MissingProgram:
            raise RepositoryError("git is not installed", hint="install it, e.g. 'apt-get install git'") from None
        if done.code == 0 and done.stdout.strip():
            return cls(Path(done.stdout.rstrip("\n")).resolve())
        if "dubious ownership" in done.stderr:
            raise RepositoryError(
                f"git refuses {directory}: another user owns it",
                hint=f"git config --global --add safe.directory {directory}",
            )
        if "must be run in a work tree" in done.stderr:
            raise RepositoryError(
                f"{directory} is a bare repository, which holds no files", hint="git clone it, and run in the clone"
            )
        raise RepositoryError(
            f"{directory} is not inside a git repository",
            hint="git init, then commit mlops.yaml and the pipeline; every judgement is about a commit",
        )

    def head(self) -> str:
        """The full SHA of HEAD. Raises RepositoryError where there is no commit yet."""
        found = next(line for line in self._status if line.startswith(HEAD)).removeprefix(HEAD)
        if found == "(initial)":
            raise RepositoryError(
                "the repository has no commits yet", hint="git add -A && git commit -m 'Start', then run again"
            )
        return found

    def branch(self) -> str:
        """The current branch, or '' on a detached HEAD."""
        done = git_command.run(self.root, "symbolic-ref", "--quiet", "--short", "HEAD")
        return done.stdout.strip() if done.code == 0 else ""

    def count(self, commit: str | None = None) -> int:
        """How many commits HEAD, or a commit, has behind it, itself too: of two states of a branch the later has more.

        0 for what is no part of HEAD's history. Raises RepositoryError in a shallow clone, which can't count.
        """
        self._whole()
        head = self.head()
        commit = head if commit is None else commit
        if not git_branches.contains(self.root, head, commit):
            return 0
        return int(git_command.output(self.root, "rev-list", "--count", commit, "--"))

    def versions(self, path: str) -> tuple[bytes, ...]:
        """What a file held in HEAD's history, the newest first, each time it changed; a deleted one holds nothing.

        Raises RepositoryError in a shallow clone.
        """
        self._whole()
        done = git_command.run(self.root, "log", "--full-history", "--format=%H", "--", path)
        found = (self.tree(commit) for commit in done.stdout.split())
        return tuple(tree.read(path) if tree.exists(path) else b"" for tree in found)

    def origin_url(self) -> str:
        """Where this repository was cloned from, without user and password; '' for a folder, or for nowhere."""
        done = git_command.run(self.root, "remote", "get-url", "origin")
        scheme, found, rest = done.stdout.strip().partition("://")
        if found:
            return f"{scheme}://{rest.rpartition('@')[2]}" if scheme in ("https", "http", "ssh") else ""
        return scheme if "@" in scheme.partition(":")[0] else ""

    def last_change(self, path: str) -> str:
        """The commit that changed a file last, '' where none did."""
        return git_command.run(self.root, "log", "-1", "--format=%H", "--", path).stdout.strip()

    def is_merged(self, default_branch: str = "") -> bool:
        """Whether HEAD is part of the default branch, the local or the remote's."""
        name = self.default_branch(default_branch)
        tips = (f"refs/heads/{name}", f"refs/remotes/origin/{name}")
        return any(
            git_command.run(self.root, "merge-base", "--is-ancestor", "HEAD", tip).code == 0
            for tip in tips
            if self._commit(tip) is not None
        )

    def _whole(self) -> None:
        if self.shallow:
            raise RepositoryError("this clone is shallow: what was released is not in it", hint=WHOLE_HISTORY)

    def dirty(self) -> tuple[str, ...]:
        """Paths that differ from HEAD or are untracked (ignored ones and our own left out), sorted."""
        return tuple(sorted(self._changed))

    @cached_property
    def _status(self) -> list[str]:
        """Git's status of HEAD and of every path that differs from it, one entry each (porcelain, version 2)."""
        words = ("--porcelain=v2", "--branch", "--no-ahead-behind", "-z", "-uall", "--no-renames")
        return git_command.records(self.root, "status", *words, "--ignore-submodules=none")

    @cached_property
    def _entries(self) -> frozenset[tuple[str, str]]:
        """(two letters of git's status, path); a path that is deleted and untracked stands there twice."""
        found = (_entry(line) for line in self._status if not line.startswith("#"))
        return frozenset((letters, path.rstrip("/")) for letters, path in found if f"/{OURS}" not in f"/{path}")

    @property
    def _changed(self) -> frozenset[str]:
        return frozenset(path for _, path in self._entries)

    def resolve(self, revision: str) -> str:
        """The full SHA of a revision. Raises RepositoryError where git knows none of that name."""
        if not revision or revision.startswith("-") or (found := self._commit(revision)) is None:
            raise RepositoryError(
                f"git knows no revision '{revision}'",
                hint=WHOLE_HISTORY if self.shallow else "git fetch origin; see 'git branch -a' and 'git tag'",
            )
        return found

    def merge_base(self, default_branch: str = "", *, edited: Callable[[], bool] | None = None) -> str:
        """The commit to compare with: where this branch left the default branch ('' looks for that branch).

        Where HEAD is itself part of the default branch there are three cases. With uncommitted changes, the base is
        HEAD: they are in question. On a branch of its own that has no commits yet, HEAD too: nothing is in question.
        On the default branch, or detached (a build of a push), HEAD's first parent: what the last commit brought.
        The first commit of all has the base '', the empty tree. `edited` may say that a dirty tree holds nothing a
        person wrote (a training leaves files, too), so that a second run is about the same as the first.
        """
        head = self.head()
        name, tip = self._default_tip(default_branch)
        done = git_command.run(self.root, "merge-base", head, tip)
        if done.code != 0:
            raise self._no_base(name)
        base = done.stdout.split()[0]
        if base != head or self.branch() not in ("", name) or (self._changed and (edited is None or edited())):
            return base
        return self._first_parent(head)

    def default_branch(self, name: str = "") -> str:
        """The default branch's name; '' looks for it. Raises RepositoryError where there is none."""
        return self._default_tip(name)[0]

    def default_commit(self, name: str = "") -> str:
        """The commit that the default branch is at, the remote's before the local one. Raises RepositoryError."""
        return self._default_tip(name)[1]

    def _first_parent(self, commit: str) -> str:
        if (parent := self._commit(f"{commit}^1")) is not None:
            return parent
        if self.shallow:
            raise self._no_base("")
        return ""

    @cached_property
    def shallow(self) -> bool:
        """True for a clone without its whole history."""
        return git_command.run(self.root, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"

    def _default_tip(self, default_branch: str) -> tuple[str, str]:
        """The default branch's name and commit; the remote's is believed before a local one that may lag behind."""
        names = [default_branch.removeprefix("origin/")] if default_branch else self._default_names()
        for name in names:
            for reference in (f"refs/remotes/origin/{name}", f"refs/heads/{name}"):
                if (found := self._commit(reference)) is not None:
                    return name, found
        wanted = names[0] if default_branch else " or ".join(DEFAULT_BRANCHES)
        fetch = f"git fetch origin {names[0]}:refs/remotes/origin/{names[0]}"
        raise RepositoryError(
            f"there is no branch {wanted} to compare with",
            hint=(WHOLE_HISTORY if self.shallow else fetch)
            + "\nor name the branch in mlops.yaml (default_branch:), or a revision with --base",
            docs="configuration.md#default_branch",
        )

    def _default_names(self) -> list[str]:
        done = git_command.run(self.root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        known = [done.stdout.strip().removeprefix("origin/")] if done.code == 0 else []
        return [*known, *DEFAULT_BRANCHES]

    def _no_base(self, name: str) -> RepositoryError:
        if self.shallow:
            return RepositoryError(
                "this clone is shallow: the commit to compare with is not in it",
                hint=f"{WHOLE_HISTORY}\nor name a revision with --base",
            )
        return RepositoryError(
            f"this branch and {name or 'the default branch'} share no history",
            hint=f"git rebase --onto {name or 'main'} --root, or name a revision to compare with: --base",
        )

    def _commit(self, revision: str) -> str | None:
        done = git_command.run(self.root, "rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}")
        return done.stdout.strip() if done.code == 0 else None

    def tree(self, revision: str) -> RevisionTree:
        """The files of a commit; '' is the empty tree."""
        return RevisionTree.of(self.root, revision, self._contents)

    @cached_property
    def _head_tree(self) -> RevisionTree:
        return self.tree(self.head())

    def working_tree(self) -> WorkingTree:
        """The files as they would be committed now: tracked and untracked, not ignored."""
        untracked = {path for letters, path in self._entries if letters == "??"}
        removed = {path for letters, path in self._entries if letters[0] == "D"}
        return WorkingTree(self.root, self._head_tree, self._changed, frozenset(removed - untracked))


def _entry(line: str) -> tuple[str, str]:
    kind, _, rest = line.partition(" ")
    if kind not in FIELDS:
        return kind * 2, rest
    words = line.split(" ", FIELDS[kind])
    return words[1], words[-1]
