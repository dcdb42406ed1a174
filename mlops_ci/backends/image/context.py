"""A build's context as the tar stream that the daemon reads: packed while it is sent, so no copy of it is written."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

BLOCK = 1024 * 1024


def packed(folder: Path) -> Iterator[bytes]:
    """All folders and files below `folder`, links followed, readable for whoever runs the image.

    Raises OSError where one can't be read, or grows or shrinks as it is read.
    """
    for path in sorted(folder.rglob("*")):
        about, status = tarfile.TarInfo(path.relative_to(folder).as_posix()), path.stat()
        about.mtime = int(status.st_mtime)
        if path.is_dir():
            about.type, about.mode = tarfile.DIRTYPE, 0o755
            yield about.tobuf(errors="surrogateescape")
        else:
            about.size, about.mode = status.st_size, 0o644
            yield about.tobuf(errors="surrogateescape")
            yield from _content(path, about.size)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _content(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            left -= len(block)
            if left < 0:
                break
            yield block
    if left:
        raise OSError(f"{path} changed while it was read")
    if rest := -size % tarfile.BLOCKSIZE:
        yield bytes(rest)
