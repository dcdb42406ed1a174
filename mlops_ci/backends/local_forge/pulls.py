"""The local forge's records: one JSON file a pull request, whole or absent, and one writer at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mlops_ci.errors import BackendError, UsageError
from mlops_ci.io import files
from mlops_ci.io.workspace import Workspace
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.forge import Approval, PullRequest, PullState

NUMBERED = re.compile(r"([1-9][0-9]{0,8})\.json")
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class StoredComment:
    author: str
    body: str
    at: str


@dataclass(frozen=True, kw_only=True)
class Merging:
    """A merge that was begun: once the base has `commit`, it has happened. `head` is the branch's tip it took in."""

    commit: str
    head: str
    at: str


@dataclass(frozen=True, kw_only=True)
class StoredPull:
    """A pull request as its file keeps it; where its branch stands is asked of git."""

    format: int
    number: int
    state: PullState
    title: str
    body: str
    branch: str
    base: str
    author: str
    opened_at: str
    draft: bool
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]
    comments: tuple[StoredComment, ...] = ()
    approvals: tuple[Approval, ...] = ()
    merging: Merging | None = None
    head: str = ""
    closed_at: str = ""
    merge_commit: str = ""


def as_pull(stored: StoredPull, head: str) -> PullRequest:
    """What everybody sees of a record; `head` is where its branch stands."""
    return PullRequest(
        number=stored.number,
        state=stored.state,
        title=stored.title,
        body=stored.body,
        branch=stored.branch,
        base=stored.base,
        head=head,
        author=stored.author,
        opened_at=stored.opened_at,
        draft=stored.draft,
        labels=stored.labels,
        reviewers=stored.reviewers,
        closed_at=stored.closed_at,
        merge_commit=stored.merge_commit,
    )


@lru_cache(maxsize=1000)
def _decoded(content: bytes) -> StoredPull:
    """A record from its file's bytes; a command that looks at many environments reads every file many times."""
    return decode(StoredPull, json.loads(content))


@dataclass(frozen=True)
class LocalPulls:
    """The files below `.mlops/forge/`."""

    workspace: Workspace

    @property
    def folder(self) -> Path:
        return self.workspace.home / "forge" / "pulls"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only writer; waits for another one, and never for one that died."""
        self.workspace.protect()
        with files.lock(self.workspace.home / "forge" / "lock", busy="the forge is busy", wait=True):
            yield

    def numbers(self) -> list[int]:
        """All numbers given so far, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(int(found[1]) for path in self.folder.iterdir() if (found := NUMBERED.fullmatch(path.name)))

    def next(self) -> int:
        """A number that nobody has; under the lock. What a killed writer left beside a file goes."""
        for left in self.folder.glob(".*.json.*"):
            left.unlink(missing_ok=True)
        return (self.numbers() or [0])[-1] + 1

    def read(self, number: int) -> StoredPull:
        """Raises UsageError for a number that none has, BackendError for a file that is not ours."""
        path = self.folder / f"{number}.json"
        try:
            found = _decoded(path.read_bytes())
        except FileNotFoundError:
            known = self.numbers()
            hint = f"there are {known[0]} to {known[-1]}" if known else "there are none yet"
            raise UsageError(f"there is no pull request {number}", hint=hint, docs="forge.md") from None
        except (CodecError, ValueError, OSError) as error:
            raise self._broken(path, str(error)) from None
        if found.format != FORMAT or found.number != number:
            raise self._broken(path, f"it says format {found.format}, number {found.number}")
        return found

    def write(self, stored: StoredPull) -> None:
        """Replace a file; under the lock."""
        files.write_json(self.folder / f"{stored.number}.json", encode(stored))

    def _broken(self, path: Path, why: str) -> BackendError:
        place = path.relative_to(self.workspace.root)
        return BackendError(
            f"{place} is no pull request of this version: {why}",
            hint="mend or remove the file; the branches themselves are in git",
            docs="forge.md#the-local-forge",
        )
