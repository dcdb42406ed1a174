"""A second work tree beside the first: a repository of its own that borrows the first one's objects.

It shares no branch, index, hook or setting with the first, and nothing done in it shows there. Unlike `git clone`, it
takes any commit that the first one has, of a shallow clone too.
"""

from __future__ import annotations

from pathlib import Path

from mlops_ci.errors import BackendError
from mlops_ci.io import files, git_command, process

SETTINGS = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")


def place(root: Path, folder: Path, commit: str) -> None:
    """Make `folder` a work tree of `commit`, or lay the one that is there on it: changes of tracked files and untracked
    ones are dropped, ignored ones (what DVC brought) stay. Raises BackendError with git's words."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git" / "HEAD").exists():
        git_command.output(folder, "init", "--quiet", "--template=")
    objects = git_command.output(root, "rev-parse", "--path-format=absolute", "--git-path", "objects").decode().strip()
    files.write_text(folder / ".git" / "objects" / "info" / "alternates", f"{objects}\n")
    for lock in (folder / ".git").glob("*.lock"):  # of a git that was killed; nobody else works here
        lock.unlink()
    _git(folder, "checkout", "--quiet", "--force", "--detach", commit)
    _git(folder, "clean", "--quiet", "--force", "-d")


def restore(folder: Path) -> None:
    """Drop changes of tracked files, and keep all others. Raises BackendError with git's words."""
    _git(folder, "checkout", "--quiet", "--force", "HEAD")


def at(folder: Path) -> str:
    """The commit that such a work tree lies on, '' where there is none."""
    done = _asked(folder, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    return done.stdout.strip() if done.code == 0 else ""


def _asked(folder: Path, *words: str) -> process.Completed:
    """Git, about this folder and no other: in one whose `.git` is broken it would find the repository around it."""
    return git_command.run(folder.parent, f"--git-dir={folder / '.git'}", f"--work-tree={folder}", *SETTINGS, *words)


def _git(folder: Path, *words: str) -> None:
    done = _asked(folder, *words)
    if done.code != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise BackendError(f"git {words[0]} failed in {folder}: {reason[0]}", hint="remove that folder, and run again")


def changed(root: Path, old: str, new: str) -> tuple[str, ...]:
    """Paths in which two commits differ. Raises BackendError where one of them is not here."""
    words = ("diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", old, new, "--")
    return tuple(git_command.records(root, *words))


def fetch(root: Path, branch: str) -> None:
    """Ask `origin` for a branch's newest commits, where there is one that answers without a password."""
    git_command.run(root, "fetch", "--quiet", "--no-tags", "origin", branch)


def known(root: Path, commit: str) -> bool:
    """Whether this repository has a commit."""
    return git_command.run(root, "cat-file", "-e", f"{commit}^{{commit}}").code == 0
