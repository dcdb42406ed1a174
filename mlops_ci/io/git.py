"""Git, read-only: commits, and two trees that answer alike: a revision, and the working tree as git would commit it.

Content is always what git stores (after clean filters), so a checkout with other line endings reads the same. No
pager, prompt or optional lock; hooks never run, since nothing here writes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mlops_ci.errors import BackendError, RepositoryError
from mlops_ci.io import process

QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_PAGER": "cat"}
DEFAULT_BRANCHES = ("main", "master")
OURS = ".mlops/"


@dataclass(frozen=True)
class Git:
    """The repository whose work tree is `root`."""

    root: Path

    @classmethod
    def open(cls, directory: Path) -> Git:
        """The repository around `directory`. Raises RepositoryError where there is none, or no git."""
        if shutil.which("git") is None:
            raise RepositoryError("git is not installed", hint="install it, e.g. 'apt-get install git'")
        done = _run(directory, "rev-parse", "--show-toplevel")
        if done.code == 0 and done.stdout.strip():
            return cls(Path(done.stdout.rstrip("\n")).resolve())
        if "dubious ownership" in done.stderr:
            raise RepositoryError(
                f"git refuses {directory}: another user owns it",
                hint=f"git config --global --add safe.directory {directory}",
            )
        raise RepositoryError(
            f"{directory} is not inside a git repository",
            hint="git init, then commit mlops.yaml and the pipeline; every judgement is about a commit",
        )

    def head(self) -> str:
        """The full SHA of HEAD. Raises RepositoryError where there is no commit yet."""
        if (found := self._commit("HEAD")) is None:
            raise RepositoryError(
                "the repository has no commits yet", hint="git add -A && git commit -m 'Start', then run again"
            )
        return found

    def branch(self) -> str:
        """The current branch, or '' on a detached HEAD."""
        done = _run(self.root, "symbolic-ref", "--quiet", "--short", "HEAD")
        return done.stdout.strip() if done.code == 0 else ""

    def dirty(self) -> tuple[str, ...]:
        """Paths that differ from HEAD or are untracked, but for our own."""
        return tuple(sorted(self._changed))

    @cached_property
    def _changed(self) -> Mapping[str, str]:
        """path → two-letter status; a rename is both of its paths."""
        done = self._git("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
        entries = [entry for entry in done.split("\0") if len(entry) > 3]
        return {entry[3:]: entry[:2] for entry in entries if f"/{OURS}" not in f"/{entry[3:]}"}

    def resolve(self, revision: str) -> str:
        """The full SHA of a revision. Raises RepositoryError where git knows none of that name."""
        if revision.startswith("-") or (found := self._commit(revision)) is None:
            raise RepositoryError(
                f"git knows no revision '{revision}'",
                hint="git fetch origin" if "/" in revision else "see 'git branch -a' and 'git tag'",
            )
        return found

    def merge_base(self, default_branch: str = "") -> str:
        """Where this branch left the default branch ('' looks for it).

        On the default branch itself the base is HEAD while the tree is dirty (what is edited now is in question),
        and HEAD's first parent otherwise (what the last commit brought is). A first commit has the base ''.
        """
        head = self.head()
        tip = self._default_tip(default_branch)
        done = _run(self.root, "merge-base", head, tip)
        if done.code != 0:
            raise self._no_base(default_branch)
        base = done.stdout.split()[0]
        if base != head or self._changed:
            return base
        return self._first_parent(head)

    def _first_parent(self, commit: str) -> str:
        if (parent := self._commit(f"{commit}^1")) is not None:
            return parent
        if self.shallow:
            raise self._no_base("")
        return ""

    @property
    def shallow(self) -> bool:
        """True for a clone without its whole history."""
        return self._git("rev-parse", "--is-shallow-repository").strip() == "true"

    def _default_tip(self, default_branch: str) -> str:
        names = [default_branch] if default_branch else self._default_names()
        for name in names:
            for reference in (f"refs/remotes/origin/{name}", f"refs/heads/{name}"):
                if (found := self._commit(reference)) is not None:
                    return found
        wanted = default_branch or " or ".join(DEFAULT_BRANCHES)
        raise RepositoryError(
            f"there is no branch {wanted} to compare with",
            hint=f"git fetch origin {names[0]}:refs/remotes/origin/{names[0]}, "
            "or name the branch in mlops.yaml (default_branch:) or a revision with --base",
            docs="configuration.md#default_branch",
        )

    def _default_names(self) -> list[str]:
        done = _run(self.root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        known = [done.stdout.strip().removeprefix("origin/")] if done.code == 0 else []
        return [*known, *DEFAULT_BRANCHES]

    def _no_base(self, default_branch: str) -> RepositoryError:
        if self.shallow:
            return RepositoryError(
                "this clone is shallow: the commit where the branch began is not in it",
                hint="git fetch --unshallow; in GitHub Actions, give actions/checkout 'fetch-depth: 0'",
            )
        name = default_branch or "the default branch"
        return RepositoryError(f"this branch shares no history with {name}", hint="name a revision with --base")

    def _commit(self, revision: str) -> str | None:
        done = _run(self.root, "rev-parse", "--quiet", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        return done.stdout.strip() if done.code == 0 else None

    def _git(self, *words: str) -> str:
        done = _run(self.root, *words)
        if done.code != 0:
            reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise BackendError(f"git {words[0]} failed: {reason[0]}")
        return done.stdout

    def tree(self, revision: str) -> RevisionTree:
        """The files of a commit; '' is the empty tree."""
        entries: dict[str, tuple[str, str]] = {}
        if revision:
            for line in self._git("ls-tree", "-r", "-z", "--full-tree", revision).split("\0"):
                meta, _, path = line.partition("\t")
                if path:
                    mode, _, name = meta.split()
                    entries[path] = (mode, name)
        return RevisionTree(self.root, entries)

    def working_tree(self) -> WorkingTree:
        """The files as they would be committed now: tracked and untracked, not ignored."""
        return WorkingTree(self.root, self.tree(self.head()), frozenset(self._changed))


@dataclass(frozen=True)
class RevisionTree:
    """The files of one commit. `entries` maps a POSIX path from the root to (mode, object name)."""

    root: Path
    entries: Mapping[str, tuple[str, str]]
    _contents: dict[str, bytes] = field(default_factory=dict)

    def paths(self) -> Iterable[str]:
        """Every file."""
        return self.entries.keys()

    def exists(self, path: str) -> bool:
        """Whether `path` is a file here."""
        return path in self.entries

    def prefetch(self, paths: Iterable[str]) -> None:
        """Read many files with one process; what `read` still misses it fetches one by one."""
        names = {self.entries[path][1] for path in paths if path in self.entries} - self._contents.keys()
        if names:
            self._contents.update(_read_objects(self.root, sorted(names)))

    def read(self, path: str) -> bytes:
        """A file's content as git stores it. Raises KeyError where `path` is no file here."""
        name = self.entries[path][1]
        if name not in self._contents:
            self.prefetch([path])
        return self._contents[name]

    def digest(self, path: str) -> str:
        """The name git gives the content. Raises KeyError where `path` is no file here."""
        return f"git:{self.entries[path][1]}"


@dataclass(frozen=True)
class WorkingTree:
    """A commit with what is changed on disk laid over it."""

    root: Path
    head: RevisionTree
    changed: frozenset[str]

    def paths(self) -> Iterable[str]:
        """Every file that is there now."""
        return (self.head.entries.keys() - self.changed) | {path for path in self.changed if self._on_disk(path)}

    def exists(self, path: str) -> bool:
        """Whether `path` is a file here."""
        return self._on_disk(path) if path in self.changed else self.head.exists(path)

    def prefetch(self, paths: Iterable[str]) -> None:
        """Read many files with one process."""
        self.head.prefetch(path for path in paths if path not in self.changed)

    def read(self, path: str) -> bytes:
        """A file's content. Raises KeyError where `path` is no file here."""
        if path not in self.changed:
            return self.head.read(path)
        if not self._on_disk(path):
            raise KeyError(path)
        return (self.root / path).read_bytes()

    def digest(self, path: str) -> str:
        """The name git would give the content. Raises KeyError where `path` is no file here."""
        if path not in self.changed:
            return self.head.digest(path)
        if not self._on_disk(path):
            raise KeyError(path)
        return f"git:{self._hashes[path]}"

    def _on_disk(self, path: str) -> bool:
        full = self.root / path
        return full.is_symlink() or full.is_file()

    @cached_property
    def _hashes(self) -> Mapping[str, str]:
        """Names of everything changed, through git's own filters, with one process for plain files."""
        plain = sorted(p for p in self.changed if (self.root / p).is_file() and not (self.root / p).is_symlink())
        batch = [path for path in plain if "\n" not in path]
        done = _run(self.root, "hash-object", "--stdin-paths", input="".join(f"{path}\n" for path in batch))
        if done.code != 0:
            raise BackendError(f"git could not read a changed file: {done.stderr.strip()}")
        found = dict(zip(batch, done.stdout.split(), strict=True))
        for path in set(plain) - set(batch):
            found[path] = _run(self.root, "hash-object", "--", path).stdout.strip()
        for path in self.changed:
            if (self.root / path).is_symlink():
                target = str((self.root / path).readlink())
                found[path] = _run(self.root, "hash-object", "--stdin", input=target).stdout.strip()
        return found


def _read_objects(root: Path, names: Sequence[str]) -> dict[str, bytes]:
    done = process.run_bytes(
        ["git", "cat-file", "--batch"], cwd=root, env=_environ(), input="".join(f"{n}\n" for n in names).encode()
    )
    found: dict[str, bytes] = {}
    at = 0
    for name in names:
        end = done.index(b"\n", at)
        kind, size = done[at:end].split()[1:3]
        found[name] = done[end + 1 : end + 1 + int(size)] if kind == b"blob" else b""
        at = end + 2 + int(size)
    return found


def _environ() -> dict[str, str]:
    return {**process.inherited(), **QUIET}


def _run(directory: Path, *words: str, input: str | None = None) -> process.Completed:
    return process.run(["git", *words], cwd=directory, env=_environ(), input=input)
