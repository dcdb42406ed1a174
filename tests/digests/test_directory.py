"""The model digest: sha256 over the sorted list of paths and sha256."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from mlops_ci.digests.directory import digest_directory, digest_file, size_of
from mlops_ci.errors import BackendError


def filled(root: Path) -> Path:
    for path, content in {
        "MLmodel": b"a",
        "data/model.pkl": b"\x00" * 3_000_000,
        "data/é b.txt": b"",
        "z": b"z",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def test_it_is_what_the_page_says(tmp_path: Path) -> None:
    """Anybody can check it with sha256sum and sort."""
    root = filled(tmp_path / "model")
    lines = sorted(
        (path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in root.rglob("*")
        if path.is_file()
    )
    document = "".join(f"{digest}  {path}\n" for path, digest in lines)
    assert digest_directory(root) == hashlib.sha256(document.encode()).hexdigest()
    assert digest_directory(root, workers=1) == digest_directory(root, workers=7)
    assert size_of(root) == 3_000_002


def test_place_time_and_empty_folders_do_not_count(tmp_path: Path) -> None:
    one, two = filled(tmp_path / "one"), filled(tmp_path / "other place" / "two")
    os.utime(two / "MLmodel", (1, 1))
    (two / "empty").mkdir()
    (two / "z").chmod(0o700)
    assert digest_directory(one) == digest_directory(two)


@pytest.mark.parametrize("change", ["content", "name", "one more", "one less", "swapped"])
def test_everything_else_counts(tmp_path: Path, change: str) -> None:
    root = filled(tmp_path / "model")
    before = digest_directory(root)
    if change == "content":
        (root / "z").write_bytes(b"y")
    elif change == "name":
        (root / "z").rename(root / "y")
    elif change == "one more":
        (root / "data/.hidden").write_bytes(b"")
    elif change == "one less":
        (root / "z").unlink()
    else:
        (root / "z").write_bytes(b"a")
        (root / "MLmodel").write_bytes(b"z")
    assert digest_directory(root) != before


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="is missing or holds no file"):
        digest_directory(tmp_path / "nowhere")
    (tmp_path / "empty/inner").mkdir(parents=True)
    with pytest.raises(BackendError, match="is missing or holds no file"):
        digest_directory(tmp_path / "empty")
    root = filled(tmp_path / "model")
    (root / "link").symlink_to("z")
    with pytest.raises(BackendError, match="is a symbolic link"):
        digest_directory(root)
    (root / "link").unlink()
    os.mkfifo(root / "pipe")
    with pytest.raises(BackendError, match="neither a file nor a directory"):
        digest_directory(root)


def test_what_cannot_be_read_is_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = filled(tmp_path / "model")
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if path.name == "data":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(BackendError, match=r"could not read .*data: Permission denied"):
        digest_directory(root)


def test_one_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digest_file(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
