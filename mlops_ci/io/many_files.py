"""Several files written together: all of them, or none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from mlops_ci.errors import BackendError, RepositoryError
from mlops_ci.io import files


def write_all(root: Path, changes: Mapping[str, tuple[bytes | None, bytes]]) -> None:
    """Write files below `root`: path → (what it holds now, None where it must not be there; what it shall hold).

    All contents are on the disk before the first one shows. A file that is no longer what it was is never written
    over. Raises BackendError when anything fails, after what was written was taken back; RepositoryError for a path
    that a link leads out of `root`.
    """
    staged: dict[str, Path] = {}
    shown: list[str] = []
    made: list[Path] = []
    try:
        for path, (_, after) in changes.items():
            target = root / path
            _inside(root, target)
            _make_folders(root, target.parent, made)
            staged[path] = target.with_name(f".{target.name}.{os.getpid()}.new")
            files.write_bytes(staged[path], after)
        for path, (before, _) in changes.items():
            _show(root / path, staged[path], before)
            shown.append(path)
    except BaseException as error:
        _take_back(root, changes, shown, staged, made)
        if isinstance(error, OSError):
            raise files.disk_error(error) from error
        raise
    for beside in staged.values():
        beside.unlink(missing_ok=True)


def _inside(root: Path, target: Path) -> None:
    """Raises RepositoryError where a link would lead out of the repository."""
    if not target.parent.resolve().is_relative_to(root.resolve()):
        raise RepositoryError(f"{target.parent} leads out of the repository", hint="replace the link by a folder")


def _make_folders(root: Path, folder: Path, made: list[Path]) -> None:
    """Make the folders that are not there, and note them, the innermost last."""
    for one in reversed([one for one in (folder, *folder.parents) if one.is_relative_to(root)]):
        if one.exists() and not one.is_dir():
            raise BackendError(f"{one} is a file, and has to be a folder", hint="move it away, then run again")
        if not one.exists():
            one.mkdir()
            made.append(one)


def _show(target: Path, staged: Path, before: bytes | None) -> None:
    if before is None:
        try:
            os.link(staged, target)
        except FileExistsError:
            raise _changed(target) from None
        return
    if not target.is_file() or target.read_bytes() != before:
        raise _changed(target)
    os.chmod(staged, target.stat().st_mode)
    os.replace(staged, target)


def _changed(target: Path) -> BackendError:
    return BackendError(f"somebody else wrote {target} meanwhile", hint="run again: it looks anew")


def _take_back(
    root: Path,
    changes: Mapping[str, tuple[bytes | None, bytes]],
    shown: list[str],
    staged: Mapping[str, Path],
    made: list[Path],
) -> None:
    with contextlib.suppress(OSError, BackendError):
        for path in reversed(shown):
            before = changes[path][0]
            if before is None:
                (root / path).unlink(missing_ok=True)
            else:
                files.write_bytes(root / path, before)
    for beside in staged.values():
        with contextlib.suppress(OSError):
            beside.unlink()
    for folder in reversed(made):
        with contextlib.suppress(OSError):
            folder.rmdir()
