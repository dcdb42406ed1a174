"""Git, writing: commits made of bytes, and branches moved from one known commit to another.

Nothing here touches a work tree, an index or HEAD but `fast_forward`, which asks git to do it, with git's own care.
Hooks of the repository do not run: they are meant for a person's commits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.errors import BackendError, ForgeConflict
from mlops_ci.io import git_branches, git_command, process

QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.logAllRefUpdates=true")
PLAIN = "100644"
KEPT = ("100644", "100755")  # modes of files; a link that is written over becomes a file


@dataclass(frozen=True)
class Person:
    """Who a commit is by."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, kw_only=True)
class NewCommit:
    """A commit to be made. `author` is its committer, too."""

    tree: str
    parents: tuple[str, ...]
    message: str
    author: Person


def write_tree(root: Path, onto: str, files: Mapping[str, bytes | None]) -> str:
    """The name of a tree: the files of the commit `onto` with `files` (None deletes) laid over them.

    Raises BackendError for a path that git refuses, like one with `..`.
    """
    known = git_branches.entries(root, onto, sorted(files))
    lines = [_line(root, path, content, known.get(path, (PLAIN, ""))[0]) for path, content in sorted(files.items())]
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _output(root, "read-tree", onto, env=index)
        _output(root, "update-index", "--replace", "-z", "--index-info", env=index, input=b"".join(lines))
        tree = _output(root, "write-tree", env=index)
    # A path it dislikes, like `.git/config`, git leaves out with a warning and exit 0.
    made = git_branches.entries(root, tree, sorted(files))
    if refused := sorted(path for path, content in files.items() if (path in made) != (content is not None)):
        raise BackendError(
            f"git refuses the path '{refused[0]}'", hint="a path stays in the repository, outside of .git"
        )
    return tree


def _line(root: Path, path: str, content: bytes | None, mode: str) -> bytes:
    name = path.encode("utf-8", "surrogateescape")
    made = _output(root, "hash-object", "-w", "--stdin", "--no-filters", input=content or b"")
    if content is None:  # mode 0 deletes; the object's name is not looked at, but has to be one
        return b"0 " + made.encode() + b"\t" + name + b"\0"
    return f"{mode if mode in KEPT else PLAIN} {made}\t".encode() + name + b"\0"


def commit(root: Path, new: NewCommit) -> str:
    """Make a commit and return its name; no branch has it yet."""
    people = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", new.author.name), ("EMAIL", new.author.email))
    }
    parents = [word for parent in new.parents for word in ("-p", parent)]
    return _output(root, "commit-tree", new.tree, *parents, env=people, input=new.message.encode("utf-8", "replace"))


def move(root: Path, branch: str, new: str, *, old: str, why: str) -> None:
    """Point a branch from `old` ('' where there must be none) to `new` ('' deletes it), or not at all.

    Raises ForgeConflict where it is elsewhere, and BackendError where a work tree has it checked out.
    """
    if (place := git_branches.checked_out(root, branch)) is not None:
        raise BackendError(
            f"the branch {branch} is checked out in {place}, so it is not moved",
            hint="git switch to another branch there, then run again",
        )
    _move(root, branch, new, old=old, why=why)


def fast_forward(root: Path, branch: str, new: str, *, old: str, why: str) -> None:
    """Move a branch forward, and with it the work tree that has it checked out, as `git merge --ff-only` does.

    Raises BackendError with git's words, and changes nothing, where files there are edited that would be
    overwritten; ForgeConflict where the branch is not at `old`.
    """
    place = git_branches.checked_out(root, branch)
    if place is None:
        _move(root, branch, new, old=old, why=why)
        return
    if git_branches.tip(root, branch) != old:
        raise _moved(branch)
    words = ("-c", "merge.verifySignatures=false", "merge", "--ff-only", "--no-autostash", "--quiet", new)
    done = git_command.run(place, *QUIET, *words)
    if done.code != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = said[0].removeprefix("error: ").rstrip(":") if said else "git merge --ff-only failed"
        files = [line.strip() for line in done.stderr.splitlines() if line.startswith("\t")]
        hint = f"commit or stash what you changed in {place}, then run again"
        raise BackendError(reason + (f": {', '.join(files[:10])}" if files else ""), hint=hint)


def _move(root: Path, branch: str, new: str, *, old: str, why: str) -> None:
    reference = f"refs/heads/{branch}"
    try:
        if new:
            _output(root, "update-ref", "-m", why, reference, new, old)
        else:
            _output(root, "update-ref", "-m", why, "-d", reference, old)
    except BackendError:
        if git_branches.tip(root, branch) != old:
            raise _moved(branch) from None
        raise


def _moved(branch: str) -> ForgeConflict:
    return ForgeConflict(f"the branch {branch} was moved by somebody else meanwhile", hint="run again")


def _output(root: Path, *words: str, env: Mapping[str, str] | None = None, input: bytes = b"") -> str:
    argv = ["git", *git_command.SETTINGS, *QUIET, *words]
    try:
        return (
            process.run_bytes(argv, cwd=root, env={**git_command.environ(), **(env or {})}, input=input)
            .decode()
            .strip()
        )
    except BackendError as error:
        reason = error.message.removeprefix("git failed: ").strip().splitlines() or ["no reason given"]
        raise BackendError(
            f"git {words[0]} failed: {reason[-1]}", hint="'git fsck' tells whether it is whole"
        ) from None
