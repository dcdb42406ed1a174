"""Three texts merged line by line, as git merges files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mlops_ci.errors import BackendError
from mlops_ci.io import git_command


def merge_texts(mine: str, base: str, newer: str) -> tuple[str, int]:
    """The merged text, and how many conflicts it holds, between markers. Raises BackendError where git can't."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("mine", mine), ("base", base), ("newer", newer)):
            (Path(folder) / name).write_bytes(text.encode("utf-8"))
        labels = ("-L", "yours", "-L", "as it was written", "-L", "newer")
        done = git_command.run(Path(folder), "merge-file", "-p", *labels, "mine", "base", "newer")
    if done.code < 0 or done.code > 127:
        raise BackendError(f"git merge-file failed: {done.stderr.strip()}")
    return done.stdout, done.code
