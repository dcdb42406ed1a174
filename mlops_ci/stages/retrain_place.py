"""Where a challenger is made: a work tree beside the user's checkout, kept between runs.

A refresh may take hours. What it brought stays here and in DVC's cache, so a run that was killed goes on where it
stopped, and one whose base moved takes the data along.
"""

from __future__ import annotations

import json
import posixpath
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.digests.inputs import Inputs
from mlops_ci.digests.paths import is_inside
from mlops_ci.digests.sources import Project
from mlops_ci.errors import BackendError, ConfigError
from mlops_ci.io import files, git_beside
from mlops_ci.io.git import Git
from mlops_ci.ports.retraining import RefreshJob
from mlops_ci.records.codec import CodecError, decode, encode
from mlops_ci.records.retraining import DataChange

RECORDS = ("dvc.lock", ".gitignore")


@dataclass(frozen=True, kw_only=True)
class Note:
    """What lies in the work tree: for which question, on which commit, and, once the refresh has ended, the paths it
    changed."""

    question: str
    base: str
    refreshed: bool = False
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Place:
    """A kept work tree in `home`, beside the repository whose root is `root`."""

    root: Path
    home: Path

    @property
    def tree(self) -> Path:
        return self.home / "tree"

    @property
    def _path(self) -> Path:
        return self.home / "note.json"

    def note(self) -> Note | None:
        """What lies there; None where nothing does, or nobody knows."""
        try:
            return decode(Note, json.loads(self._path.read_text("utf-8")))
        except (OSError, ValueError, CodecError):
            return None

    def prepare(self, commit: str, question: str) -> Note:
        """Lay the work tree on a commit; what a killed run left for the same question stays, and what it brought is
        taken along to another base that left those files alone."""
        note = self.note()
        same = note is not None and note.question == question and git_beside.at(self.tree) == note.base
        if note is not None and same and note.base == commit:
            if not note.refreshed:
                git_beside.restore(self.tree)
            return note
        carried = self._carried(note, commit) if note is not None and same else None
        self._path.unlink(missing_ok=True)
        self._lay(commit)
        for path, content in (carried or {}).items():
            _write(self.tree / path, content)
        made = Note(question=question, base=commit, refreshed=carried is not None, paths=tuple(carried or ()))
        files.write_json(self._path, encode(made))
        return made

    def refreshed(self, note: Note, paths: tuple[str, ...]) -> None:
        """Remember that the data is there."""
        made = Note(question=note.question, base=note.base, refreshed=True, paths=paths)
        files.write_json(self._path, encode(made))

    def forget(self) -> None:
        """What the refresh brought is nothing: the next run asks again."""
        self._path.unlink(missing_ok=True)

    def _carried(self, note: Note, commit: str) -> dict[str, bytes | None] | None:
        if not note.refreshed or not git_beside.known(self.root, note.base):
            return None
        if set(note.paths).intersection(git_beside.changed(self.root, note.base, commit)):
            return None
        return {path: content_of(self.tree / path) for path in note.paths}

    def _lay(self, commit: str) -> None:
        """One that git can't use any more, because the checkout dropped objects that it borrows, is made anew."""
        try:
            git_beside.place(self.root, self.tree, commit)
        except BackendError:
            shutil.rmtree(self.tree, ignore_errors=True)
            git_beside.place(self.root, self.tree, commit)


def content_of(path: Path) -> bytes | None:
    """A file's content; None where there is none."""
    with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return path.read_bytes()
    return None


def _write(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def gathered(git: Git, inputs: Inputs) -> tuple[dict[str, bytes | None], tuple[str, ...]]:
    """What the commit is made of, and other files of git's that were changed and stay as they were.

    DVC's records, parameters, sources, and outputs that git keeps already; nothing else a command left behind.
    """
    base = git.tree(git.head())
    stages = [item.stage for item in inputs.stages]
    params = {path for stage in stages for path in stage.params}
    outs = [out for stage in stages for out in stage.outs]
    wanted: dict[str, bytes | None] = {}
    left = []
    for path in git.dirty():
        known = base.exists(path)
        written = known and any(is_inside(path, out) for out in outs)
        if is_data_record(path) or path in params or path in inputs.sources or written:
            wanted[path] = content_of(git.root / path)
        elif known:
            left.append(path)
    return wanted, tuple(left)


def is_data_record(path: str) -> bool:
    """Whether DVC writes this file for git to keep."""
    name = posixpath.basename(path)
    return (name in RECORDS or name.endswith(".dvc")) and "/.dvc/" not in f"/{path}"


def data_changes(before: Inputs, after: Inputs) -> Iterator[DataChange]:
    """The sources that are others now."""
    old, new = before.sources, after.sources
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            yield DataChange(path=path, old=old.get(path, ""), new=new.get(path, ""))


def refresh_job(command: str, timeout: float, *, project: Project, inputs: Inputs, where: str) -> RefreshJob:
    """What brings newer data: the command, or every import and frozen stage that the model is trained on.

    Raises ConfigError where there is neither.
    """
    sources: Mapping[str, str] = inputs.sources
    imports: list[str] = []
    stages: list[tuple[str, str]] = []
    if not command:
        for item in inputs.stages:
            if item.stage.frozen:
                stages.append((item.stage.file, item.name))
        for path in sources:
            for found in project.tracked(project.dvc_root(path)).around(path).values():
                if project.document(found.file).get("deps") and found.file not in imports:
                    imports.append(found.file)
        if not imports and not stages:
            raise ConfigError(
                "nothing says where newer data comes from: no import of DVC's and no frozen stage is behind the model",
                where=where,
                hint="name a command in 'retrain.refresh'",
                docs="retrain.md#refresh",
            )
    return RefreshJob(command=command, imports=sorted(imports), stages=stages, timeout=timeout)
