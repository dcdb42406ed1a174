"""The tar stream of a build's context, read back by Python's own tarfile."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from mlops_ci.backends.image.context import BLOCK, packed

FILES = {
    "Dockerfile": b"FROM scratch\n",
    "model/empty": b"",
    "model/one block of tar": bytes(tarfile.BLOCKSIZE),
    "model/larger than what is read at once": b"x" * (BLOCK + 1),
    f"model/{'d' * 120}/{'f' * 120}": b"a name too long for tar's first form",
    "model/gewichte-é": b"a name outside ASCII",
}


def test_everything_comes_out_as_it_went_in_and_readable(tmp_path: Path) -> None:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)
    (tmp_path / "windows").mkdir(mode=0o700)
    with tarfile.open(fileobj=io.BytesIO(b"".join(packed(tmp_path)))) as archive:
        members = archive.getmembers()
        found = {item.name: archive.extractfile(item).read() for item in members if item.isfile()}  # type: ignore[union-attr]
    assert found == FILES
    assert {item.name for item in members if item.isdir()} == {"model", f"model/{'d' * 120}", "windows"}
    assert {(item.isdir(), item.mode, item.uid) for item in members} == {(True, 0o755, 0), (False, 0o644, 0)}


@pytest.mark.parametrize("content", [b"", b"grown by far"])
def test_a_file_that_changes_as_it_is_read_ends_the_stream(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights").write_bytes(b"four")
    stream = packed(tmp_path)
    next(stream)
    (tmp_path / "weights").write_bytes(content)
    with pytest.raises(OSError, match="weights changed while it was read"):
        list(stream)
