"""The model digest of 10,000 files (sparse, 10 GB) beside `sha256sum` with the same parallelism."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import paired

FILES = 10_000
BYTES = 1024 * 1024
OURS = """\
import sys
from pathlib import Path
from mlops_ci.digests.directory import digest_directory
print(digest_directory(Path(sys.argv[1]), workers=int(sys.argv[2])))
"""
THEIRS = 'find "$0" -type f -print0 | xargs -0 -P "$1" -n 64 sha256sum | sort -k 2 | sha256sum'


def model(root: Path) -> Path:
    """Files that have a size and a first line of their own, and no blocks behind it."""
    for index in range(FILES):
        path = root / f"part-{index // 100:03}" / f"{index:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            file.write(f"{index}\n".encode())
            file.truncate(BYTES)
    return root


def rows() -> list[paired.Row]:
    """Wall time and memory of whole processes, start of Python included."""
    workers = str(os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder:
        root = model(Path(folder) / "model")
        found = paired.pairs(
            [sys.executable, "-c", OURS, root, workers],
            ["sh", "-c", THEIRS, root, workers],
            cwd=Path(folder),
            runs=3,
        )
    what = f"model digest, {FILES:,} files, {FILES * BYTES / 2**30:.1f} GiB"
    against = f"sha256sum, {workers} at once"
    return [
        paired.time_row(
            what, found, against=against, at_most=1.1, note="sparse files of 1 MiB, each with its own start"
        )
    ]


if __name__ == "__main__":
    paired.main(rows)
