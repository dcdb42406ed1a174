"""The model digest: sha256 over the sorted list of (relative path, sha256) of a directory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from mlops_ci.errors import BackendError

BLOCK = 1024 * 1024


def digest_file(path: Path) -> str:
    """sha256 of a file's bytes, lower-case hex. Raises OSError where it can't be read."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(BLOCK))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


def digest_directory(directory: Path, *, workers: int | None = None) -> str:
    """sha256 over one line `<sha256>  <relative POSIX path>\\n` a file, sorted by path.

    Empty directories do not count. Raises BackendError for a missing or empty directory, for a symbolic link, and
    for anything that is neither file nor directory: what they stand for may change without a byte of ours changing.
    """
    paths = sorted(_files(directory, ""))
    if not paths:
        raise BackendError(f"{directory} is missing or holds no file")
    from concurrent.futures import ThreadPoolExecutor  # here, because most commands digest no directory

    try:
        with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            digests = pool.map(lambda path: digest_file(directory / path), paths, chunksize=64)
            lines = [f"{digest}  {path}\n" for digest, path in zip(digests, paths, strict=True)]
    except OSError as error:
        raise BackendError(f"could not read {error.filename}: {error.strerror}") from error
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def size_of(directory: Path) -> int:
    """Bytes of all files below a directory."""
    return sum((directory / path).stat().st_size for path in _files(directory, ""))


def _files(directory: Path, prefix: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(directory))
    except FileNotFoundError:
        return
    except OSError as error:
        raise BackendError(f"could not read {directory}: {error.strerror}") from error
    for entry in entries:
        if entry.is_symlink():
            raise BackendError(f"{entry.path} is a symbolic link; a model directory must hold its own files")
        if entry.is_dir():
            yield from _files(Path(entry.path), f"{prefix}{entry.name}/")
        elif entry.is_file():
            yield prefix + entry.name
        else:
            raise BackendError(f"{entry.path} is neither a file nor a directory")
