"""Files that are whole or absent: written beside, flushed, renamed; and locks that die with their process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_ci.errors import BackendError


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` with `content` in one step. Raises BackendError where the disk is full or not writable."""
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(beside, 0o666 & ~_umask())
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)
            raise
    except OSError as error:
        raise disk_error(error, path) from error


def write_text(path: Path, content: str) -> None:
    """Replace `path` with `content` as UTF-8, in one step."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, document: Any) -> None:
    """Replace `path` with a JSON document: sorted nowhere, indented by two, no NaN."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def is_full(error: BaseException) -> bool:
    """Whether the disk, or the user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_error(error: OSError, path: Path | None = None) -> BackendError:
    """An OSError in the user's words."""
    if is_full(error):
        what = f": could not write {path}" if path is not None else ""
        return BackendError(f"the disk is full{what}", hint="free some space and run again")
    return BackendError(f"could not write {path}: {error.strerror or error}")


@contextlib.contextmanager
def lock(path: Path, *, busy: str, wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock on `path` that the kernel drops when the process dies, however it dies.

    Raises BackendError with the text `busy` at once if another process holds it and `wait` is false.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise disk_error(error, path) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        raise BackendError(busy, hint="wait for it to end, then run again") from None
    try:
        yield
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
