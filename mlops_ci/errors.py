"""One tree of errors: what went wrong, where, how to mend it, and the exit code that follows.

Every error a user can cause is raised from here. The first line is complete alone; `hint` says what to do
next; `docs` is a page of the documentation. Anything else that escapes is a bug and exits with 1.
"""

from __future__ import annotations

from collections.abc import Iterable

DOCS = "docs/"


class MlopsError(Exception):
    """An expected failure. Subclasses choose the exit code."""

    exit_code = 1
    page = "errors.md"

    def __init__(self, message: str, *, hint: str = "", docs: str = "", where: str = "") -> None:
        """`where` is `file` or `file:line`, from `root` where that is known; it is put before the message."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.docs = docs or self.page
        self.where = where
        self.root = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """The hint about a name that is not known: the nearest one that is, or else `otherwise`."""
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), 1)
    return f"did you mean '{close[0]}'?" if close else otherwise


class UsageError(MlopsError):
    """The command, its options, or the state of the repository is not usable as it is."""

    exit_code = 2


class ConfigError(UsageError):
    """`mlops.yaml`, or a file it names, is wrong."""

    page = "configuration.md"


class PipelineError(UsageError):
    """`dvc.yaml`, `dvc.lock` or a `.dvc` file is wrong, or uses what cannot be digested."""

    page = "concepts.md#the-inputs-digest"


class RepositoryError(UsageError):
    """The git repository is missing, empty, shallow, or otherwise not what the command needs."""

    page = "troubleshooting.md"


class MissingExtra(UsageError):
    """A library of an optional extra is not installed."""

    def __init__(self, extra: str, library: str) -> None:
        super().__init__(
            f"{library} is not installed; this command needs the '{extra}' extra",
            hint=f"pip install 'mlops-ci[{extra}]'",
        )


class BackendError(MlopsError):
    """Something outside failed: DVC, MLflow, a database, the user's own code, the disk."""

    exit_code = 3


class StageFailed(BackendError):
    """The user's training or scoring code failed, hung, or wrote something unusable."""


class DataError(BackendError):
    """A data file or table could not be read as what it claims to be."""


class GateFailed(MlopsError):
    """A gate, a smoke test or a comparison of states was answered with no."""

    exit_code = 10


class ArchiveRefused(GateFailed):
    """What a run from outside handed over is not what it should be; the message says which rule it breaks."""

    page = "forks.md#what-is-refused"


class StaleError(MlopsError):
    """What was reviewed is not what is here now."""

    exit_code = 11


class ForgeConflict(BackendError):
    """Somebody else was faster at the forge: what was to be changed is no longer what was looked at."""

    page = "forge.md"


class MergeConflict(ForgeConflict):
    """Two branches change the same lines; `files` says where."""

    def __init__(self, branch: str, base: str, files: tuple[str, ...]) -> None:
        shown = ", ".join(files[:10]) + (f" and {len(files) - 10} more" if len(files) > 10 else "")
        super().__init__(
            f"{branch} conflicts with {base} in {shown}",
            hint=f"git checkout {branch} && git merge {base}, mend the files, commit, then merge again",
        )
        self.files = files
