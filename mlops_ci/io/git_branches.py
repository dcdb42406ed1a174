"""What a repository's own branches hold, asked of git and never written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_ci.errors import BackendError, RepositoryError
from mlops_ci.io import git_command

TOO_OLD = 129  # what git says to an option it does not know
_FORMAT = "%H%x00%P%x00%T%x00%an%x00%B"  # -z ends each commit with a NUL, too
_FIELDS = 5


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A commit as git keeps it; `message` is the whole of it."""

    sha: str
    parents: tuple[str, ...]
    tree: str
    author: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Two commits brought together: the tree's name, or the files that conflict."""

    tree: str
    conflicts: tuple[str, ...] = ()


def tip(root: Path, branch: str) -> str:
    """The SHA of a local branch's tip, '' where there is no such branch."""
    done = git_command.run(root, "show-ref", "--verify", "--hash", f"refs/heads/{branch}")
    return done.stdout.strip() if done.code == 0 else ""


def contains(root: Path, descendant: str, commit: str) -> bool:
    """Whether `commit` is `descendant` or one of its ancestors; False for what is no commit here."""
    if not descendant or not commit:
        return False
    return git_command.run(root, "merge-base", "--is-ancestor", commit, descendant).code == 0


def tree(root: Path, commit: str) -> str:
    """The name of a commit's tree. Raises BackendError for what is no commit here."""
    return git_command.output(root, "rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}").decode().strip()


def entries(root: Path, commit: str, paths: list[str]) -> dict[str, tuple[str, str]]:
    """path → (mode, object) of those of the paths that are files of a commit."""
    words = ("--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit, "--", *paths)
    found = {}
    for line in git_command.records(root, *words) if paths else ():
        meta, _, path = line.partition("\t")
        mode, kind, name = meta.split()
        if kind == "blob":
            found[path] = (mode, name)
    return found


def read(root: Path, commit: str, path: str) -> bytes | None:
    """A file's content in a commit; None where there is none, or no such commit."""
    if git_command.run(root, "cat-file", "-e", f"{commit}^{{commit}}").code != 0:
        return None
    found = entries(root, commit, [path]).get(path)
    return git_command.objects(root, [found[1]])[found[1]] if found else None


def log(root: Path, commit: str, *, without: str, most: int) -> tuple[Logged, ...]:
    """What `commit` reaches and `without` does not, newest first."""
    words = ("log", "-z", f"--max-count={most}", f"--format={_FORMAT}", commit, f"^{without}", "--")
    parts = git_command.output(root, *words).decode("utf-8", "replace").split("\0")
    return tuple(_logged(*parts[start : start + _FIELDS]) for start in range(0, len(parts) - 1, _FIELDS))


def _logged(sha: str, parents: str, tree: str, author: str, message: str) -> Logged:
    return Logged(sha=sha, parents=tuple(parents.split()), tree=tree, author=author, message=message)


def merged(root: Path, base: str, head: str) -> Merged:
    """Both commits' changes together, as `git merge` would make them, in no work tree. Needs git 2.38."""
    words = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", base, head)
    done = git_command.run(root, *words)
    if done.code not in (0, 1):
        hint = "git 2.38 or newer is needed" if done.code == TOO_OLD else "'git fsck' tells whether it is whole"
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise BackendError(f"git could not merge {head[:12]} into {base[:12]}: {reason}", hint=hint)
    name, *conflicts = done.stdout.split("\0")
    return Merged(tree=name, conflicts=tuple(sorted({path for path in conflicts if path})))


def checked_out(root: Path, branch: str) -> Path | None:
    """The work tree that has a branch checked out, or None; one whose folder is gone does not count."""
    place: Path | None = None
    for line in git_command.records(root, "worktree", "list", "--porcelain", "-z"):
        word, _, rest = line.partition(" ")
        if word == "worktree":
            place = Path(rest)
        elif word == "branch" and rest == f"refs/heads/{branch}" and place is not None and place.is_dir():
            return place
    return None


def identity(root: Path) -> tuple[str, str]:
    """(name, e-mail) of whoever uses git here. Raises RepositoryError where git does not know."""
    done = git_command.run(root, "var", "GIT_COMMITTER_IDENT")
    name, _, rest = done.stdout.partition(" <")
    if done.code != 0 or not rest:
        raise RepositoryError(
            "git does not know who you are",
            hint="git config user.name 'Your Name' && git config user.email you@example.com",
        )
    return name, rest.partition(">")[0]
