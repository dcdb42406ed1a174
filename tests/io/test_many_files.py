"""All files, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_ci.errors import BackendError, RepositoryError
from mlops_ci.io.many_files import write_all


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_new_ones_and_changed_ones(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "there").chmod(0o755)
    write_all(tmp_path, {"a/b/new": (None, b"new"), "there": (b"old", b"changed")})
    assert tree(tmp_path) == {"a/b/new": b"new", "there": b"changed"}
    assert (tmp_path / "there").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("last", [(None, b"x"), (b"other", b"x")])
def test_one_that_changed_meanwhile_takes_everything_back(tmp_path: Path, last: tuple[bytes | None, bytes]) -> None:
    (tmp_path / "first").write_bytes(b"old")
    (tmp_path / "last").write_bytes(b"a person's")
    with pytest.raises(BackendError, match="somebody else wrote"):
        write_all(tmp_path, {"deep/new": (None, b"new"), "first": (b"old", b"new"), "last": last})
    assert tree(tmp_path) == {"first": b"old", "last": b"a person's"}
    assert not (tmp_path / "deep").exists()


def test_a_file_where_a_folder_must_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"file")
    with pytest.raises(BackendError, match="has to be a folder"):
        write_all(tmp_path, {"new": (None, b"new"), "a/b": (None, b"new")})
    assert tree(tmp_path) == {"a": b"file"}


def test_a_link_out_of_the_repository(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(RepositoryError, match="leads out"):
        write_all(root, {"link/new": (None, b"new")})
    assert not tree(tmp_path / "outside")
