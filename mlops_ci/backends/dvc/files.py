"""What a pipeline's files were before we ran it: locks that are set aside, outputs that are compared and put back."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlops_ci import yaml12
from mlops_ci.digests.canonical import digest_of
from mlops_ci.digests.directory import digest_file
from mlops_ci.errors import PipelineError
from mlops_ci.io import files


@contextmanager
def set_aside(root: Path, unproven: Mapping[str, tuple[str, ...]]) -> Iterator[None]:
    """`dvc commit -f` writes a lock that nobody ran: drop the entries of stages we have not seen run.

    DVC then runs them, or restores them from its run cache. After a failure the user's file is put back.
    """
    before: dict[Path, bytes] = {}
    for name, stages in unproven.items():
        path = root / name
        if path.is_file():
            before[path] = path.read_bytes()
            files.write_bytes(path, _without(before[path], stages, name))
    try:
        yield
    except BaseException:
        for path, content in before.items():
            files.write_bytes(path, content)
        raise


def _without(content: bytes, stages: Sequence[str], name: str) -> bytes:
    """A dvc.lock without some stages, as JSON: it is YAML too, and spells every value alike in every dialect."""
    try:
        value: Any = yaml12.load(content).value
    except yaml12.YamlError as error:
        raise PipelineError(error.message, where=f"{name}:{error.line}", hint="dvc repro writes it anew") from None
    if not isinstance(value, dict) or not isinstance(value.get("stages", {}), dict):
        raise PipelineError("is not a dvc.lock", where=name, hint="delete it; dvc repro writes it anew")
    kept = {key: entry for key, entry in (value.get("stages") or {}).items() if key not in stages}
    return json.dumps({**value, "stages": kept}, indent=1).encode()


@contextmanager
def kept(paths: Sequence[Path], beside: Path) -> Iterator[None]:
    """Copies of files and folders, made in the folder `beside` and put back at the end."""
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        copies = [(path, Path(folder) / str(index)) for index, path in enumerate(paths)]
        for original, copy in copies:
            _copy(original, copy)
        try:
            yield
        finally:
            for original, copy in copies:
                _remove(original)
                _copy(copy, original)


def content_of(path: Path) -> str:
    """A digest of a file, or of all files of a folder, links followed as DVC does; '' where there is nothing."""
    if path.is_dir():
        inside = [item for item in path.rglob("*") if item.is_file()]
        return digest_of({item.relative_to(path).as_posix(): digest_file(item) for item in inside})
    return digest_file(path) if path.exists() else ""


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
