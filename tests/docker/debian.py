"""A base image with Python that needs no public registry: Debian, made by debootstrap once and kept."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mlops_ci.io import files

SUITES = {(3, 11): "bookworm", (3, 13): "trixie"}  # the Debian whose Python is the one that runs the tests
PACKAGES = "python3,python3-venv"
NOT_NEEDED = ("var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/man", "usr/share/locale")


def suite() -> str:
    """The Debian to take, '' where none has the Python that runs the tests."""
    return SUITES.get(sys.version_info[:2], "")


def tarball(cache: Path) -> Path:
    """The root file system as a tar file, made in about a minute where it is not there yet."""
    kept = cache / "base-images" / f"{suite()}-python.tar"
    with files.lock(kept.with_suffix(".lock"), busy="", wait=True):
        if not kept.exists():
            _make(kept)
    return kept


def _make(kept: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, beside = Path(folder) / "root", kept.with_suffix(".half")
        words = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite(), str(root)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"debootstrap failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        for name in NOT_NEEDED:
            shutil.rmtree(root / name, ignore_errors=True)
        subprocess.run(["tar", "-C", str(root), "--exclude=./dev/*", "-cf", str(beside), "."], check=True)
        beside.rename(kept)
