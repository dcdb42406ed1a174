"""Archives from outside: what is read, and every way in which one is refused."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_ci.errors import ArchiveRefused
from mlops_ci.io.archive import Limits, read_folder, read_zip

FEW = Limits(packed=100_000, file=2_000_000, unpacked=3_000_000, files=5, ratio=100)


def packed(*files: tuple[str | zipfile.ZipInfo, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of files in this order; a name may come twice."""
    into = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(into, "w", how) as archive:
        warnings.simplefilter("ignore")
        for name, content in files:
            archive.writestr(name, content)
    return into.getvalue()


def special(name: str, kind: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.create_system = 3
    made.external_attr = (kind | 0o777) << 16
    return made


def encrypted() -> bytes:
    """A zip that says in both of its headers that its file is encrypted."""
    content = bytearray(packed(("a.json", b"{}")))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    return bytes(content)


def lying() -> bytes:
    """A zip whose directory says that a large file is small."""
    content = bytearray(packed(("a.json", os.urandom(64) * 1000)))
    struct.pack_into("<L", content, content.index(b"PK\x01\x02") + 24, 10)
    return bytes(content)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "too large": (lambda: os.urandom(100_001), "it has more than 100000 bytes"),
    "too many files": (lambda: packed(*[(f"{n}.json", b"") for n in range(6)]), "it has more than 5 files"),
    "a bomb": (lambda: packed(("a.json", b"0" * 1_900_000)), "'a.json' is packed more than 100 times: a zip bomb"),
    "a file too large": (
        lambda: packed(("a.json", b"0" * 2_000_001), how=zipfile.ZIP_DEFLATED),
        "'a.json' is packed more than 100 times",
    ),
    "all too large": (
        lambda: packed(*[(f"{n}.json", bytes([n]) * 999_999) for n in range(4)]),
        "its files have more than 2 MB together",
    ),
    "up": (lambda: packed(("../a.json", b"")), "the name '../a.json' leads out of the archive"),
    "up inside": (lambda: packed(("a/../../b.json", b"")), "leads out of the archive"),
    "absolute": (lambda: packed(("/etc/passwd", b"")), "the name '/etc/passwd' is absolute"),
    "a drive": (lambda: packed(("C:/a.json", b"")), "the name 'C:/a.json' is absolute or another system's"),
    "backslashes": (lambda: packed(("..\\a.json", b"")), "is absolute or another system's"),
    "a zero byte": (lambda: packed(("a.json", b"")).replace(b"a.json", b"a\0json"), "has control characters"),
    "a line break": (lambda: packed(("a\n::error::b", b"")), r"the name 'a\n::error::b' has control characters"),
    "an override": (lambda: packed(("a\u202ejson", b"")), r"the name 'a\u202ejson' has control characters"),
    "a symlink": (
        lambda: packed((special("a.json", stat.S_IFLNK), b"/etc/passwd")),
        "'a.json' is a symlink, not a file",
    ),
    "a device": (lambda: packed((special("a.json", stat.S_IFCHR), b"")), "'a.json' is a device, not a file"),
    "a pipe": (lambda: packed((special("a.json", stat.S_IFIFO), b"")), "'a.json' is a pipe, not a file"),
    "a link as a folder": (lambda: packed((special("a/", stat.S_IFLNK), b"")), "'a/' is a symlink, not a file"),
    "a name twice": (lambda: packed(("a.json", b"1"), ("a.json", b"2")), "the name 'a.json' is there twice"),
    "another packing": (
        lambda: packed(("a.json", b"{}"), how=zipfile.ZIP_LZMA),
        "'a.json' is encrypted or packed in a way that is not read",
    ),
    "encrypted": (encrypted, "'a.json' is encrypted"),
    "sizes that lie": (lying, "it is no sound zip"),
    "no zip": (lambda: b"<html>", "it is no sound zip: 'File is not a zip file'"),
    "cut": (lambda: packed(("a.json", b"{}"))[:-5], "it is no sound zip"),
    "damaged": (lambda: packed(("a.json", b"{}"), how=zipfile.ZIP_STORED).replace(b"{}", b"[]"), "Bad CRC-32"),
    "empty": (lambda: b"", "it is no sound zip"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_zip_is_refused(name: str) -> None:
    make, said = HOSTILE[name]
    with pytest.raises(ArchiveRefused, match=re.escape(said)) as caught:
        read_zip(make(), FEW)
    assert str(caught.value).isprintable()


def test_a_zip_is_read() -> None:
    content = packed((special("toy/", stat.S_IFDIR), b""), ("toy/a.json", b"{}"), ("b.json", b"1" * 999))
    assert read_zip(content, FEW) == {"toy/a.json": b"{}", "b.json": b"1" * 999}


def test_a_file_that_is_too_large_is_said_to_be() -> None:
    with pytest.raises(ArchiveRefused, match=r"'a\.json' has more than 9 bytes"):
        read_zip(packed(("a.json", b"0123456789")), Limits(file=9))


def test_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/a.json").write_bytes(b"{}")
    assert read_folder(tmp_path, FEW) == {"toy/a.json": b"{}"}


def many(folder: Path) -> None:
    for number in range(6):
        (folder / f"{number}").write_bytes(b"")


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a symlink": (lambda folder: (folder / "a.json").symlink_to("/etc/passwd"), "'a.json' is a symlink, not a file"),
    "a link to a folder": (lambda folder: (folder / "a").symlink_to("/etc"), "'a' is a symlink, not a file"),
    "a pipe": (lambda folder: os.mkfifo(folder / "a.json"), "'a.json' is a pipe, not a file"),
    "large": (lambda folder: (folder / "a.json").write_bytes(b"0" * 2_000_001), "'a.json' has more than 1 MB"),
    "many": (many, "it has more than 5 files"),
    "an odd name": (lambda folder: (folder / "a\nb").write_bytes(b""), r"the name 'a\nb' has control characters"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_hostile_folder_is_refused(tmp_path: Path, name: str) -> None:
    make, said = FOLDERS[name]
    make(tmp_path)
    with pytest.raises(ArchiveRefused, match=re.escape(said)):
        read_folder(tmp_path, FEW)


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused, match="can't be read"):
        read_folder(tmp_path / "none", FEW)
