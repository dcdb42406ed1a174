"""The one door to an archive that came from outside: names and bytes out, or a reason why not.

Nothing is unpacked to a disk. What the archive says of itself is not believed: sizes are counted while they are read.
"""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.errors import ArchiveRefused

MEGABYTE = 1024 * 1024
HANDED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
ENCRYPTED = 0x1
SHOWN = 80  # characters of a name


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bytes of the archive, of one file and of all, how many files, and how often a file may be larger than packed."""

    packed: int = 8 * MEGABYTE
    file: int = 4 * MEGABYTE
    unpacked: int = 16 * MEGABYTE
    files: int = 500
    ratio: int = 200


def read_zip(content: bytes, limits: Limits) -> dict[str, bytes]:
    """The files of a zip by their names. Raises ArchiveRefused with the first thing that is wrong."""
    if len(content) > limits.packed:
        raise ArchiveRefused(f"it has more than {_size(limits.packed)}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _count(len(entries), limits)
            found: dict[str, bytes] = {}
            for entry in entries:
                _fit_entry(entry, found)
                if not entry.is_dir():
                    found[entry.filename] = _unpack(archive, entry, limits, sum(map(len, found.values())))
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise ArchiveRefused(f"it is no sound zip: {shown(str(error))}") from None


def read_folder(folder: Path, limits: Limits) -> dict[str, bytes]:
    """The files below a folder by their paths from it. No link is followed. Raises ArchiveRefused."""
    found: dict[str, bytes] = {}
    for name, path in _walk(folder, ""):
        _count(len(found) + 1, limits)
        fit_name(name)
        found[name] = _read(path, name, limits, sum(map(len, found.values())))
    return found


def fit_name(name: str) -> None:
    """Raises ArchiveRefused for a name that leads anywhere but below the folder it is in."""
    if not name.isprintable():
        raise ArchiveRefused(f"the name {shown(name)} has control characters")
    if name.startswith("/") or "\\" in name or re.match(r"[A-Za-z]:", name):
        raise ArchiveRefused(f"the name {shown(name)} is absolute or another system's")
    if {"", ".", ".."} & set(name.removesuffix("/").split("/")):
        raise ArchiveRefused(f"the name {shown(name)} leads out of the archive")


def shown(text: str) -> str:
    """Text from outside in a message: one line of ASCII, quoted and cut."""
    return ascii(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def _fit_entry(entry: zipfile.ZipInfo, found: dict[str, bytes]) -> None:
    name = entry.orig_filename  # zipfile cuts the other one at a zero byte, and may read it from an extra field
    fit_name(name)
    fit_name(entry.filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        raise ArchiveRefused(f"{shown(name)} is {_kind(kind)}, not a file")
    if entry.filename in found:
        raise ArchiveRefused(f"the name {shown(name)} is there twice")
    if entry.flag_bits & ENCRYPTED or entry.compress_type not in HANDED:
        raise ArchiveRefused(f"{shown(name)} is encrypted or packed in a way that is not read")


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: Limits, before: int) -> bytes:
    most = min(limits.file, limits.unpacked - before)
    with archive.open(entry) as file:
        content = file.read(most + 1)
    name = entry.filename
    if len(content) > MEGABYTE and len(content) > limits.ratio * max(entry.compress_size, 1):
        raise ArchiveRefused(f"{shown(name)} is packed more than {limits.ratio} times: a zip bomb")
    _fit_size(name, len(content), limits, before)
    return content


def _fit_size(name: str, size: int, limits: Limits, before: int) -> None:
    if size > limits.file:
        raise ArchiveRefused(f"{shown(name)} has more than {_size(limits.file)}")
    if size + before > limits.unpacked:
        raise ArchiveRefused(f"its files have more than {_size(limits.unpacked)} together")


def _count(files: int, limits: Limits) -> None:
    if files > limits.files:
        raise ArchiveRefused(f"it has more than {limits.files} files")


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_dir(follow_symlinks=False):
                    yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
                else:
                    yield f"{prefix}{entry.name}", Path(entry.path)
    except (OSError, RecursionError) as error:
        raise ArchiveRefused(f"{shown(prefix)} can't be read: {shown(str(error))}") from None


def _read(path: Path, name: str, limits: Limits, before: int) -> bytes:
    try:
        kind = stat.S_IFMT(path.lstat().st_mode)
        if kind != stat.S_IFREG:
            raise ArchiveRefused(f"{shown(name)} is {_kind(kind)}, not a file")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(limits.file + 1)
    except OSError as error:
        raise ArchiveRefused(f"{shown(name)} can't be read: {error.strerror}") from None
    _fit_size(name, len(content), limits, before)
    return content


def _kind(kind: int) -> str:
    known = {stat.S_IFLNK: "a symlink", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return known.get(kind, "a device" if kind in (stat.S_IFBLK, stat.S_IFCHR) else "something else")


def _size(count: int) -> str:
    return f"{count // MEGABYTE} MB" if count >= MEGABYTE else f"{count} bytes"
