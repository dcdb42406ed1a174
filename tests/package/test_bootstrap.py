"""The set-up of script/demo and script/test: one line for whatever is missing, and quick once it is done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "dirname", "cat", "grep", "tail", "cut", "mktemp", "rm", "env")
DEAD_INDEX = "http://127.0.0.1:9/simple"  # the port that discards: nothing listens there
WITHOUT_VENV = f"""\
#!/bin/sh
case "$*" in
  *sys.executable*) echo "$0" ;;
  *"-m venv"*) exit 1 ;;
  *) exec "{sys.executable}" "$@" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the scripts read, in a folder without .venv, beside an empty `bin` for PATH."""
    for name in ("script", "uv.lock", "pyproject.toml"):
        source = ROOT / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def provide(checkout: Path, name: str, script: str = "") -> None:
    """A program on the checkout's PATH: the real one, or a script."""
    path = checkout / "bin" / name
    if script:
        path.write_text(script)
        path.chmod(0o755)
    else:
        found = shutil.which(name)
        assert found is not None
        path.symlink_to(found)


def start(checkout: Path, **env: str) -> str:
    """Run script/demo with that PATH alone; it must end with 2 and one line, which is returned."""
    done = subprocess.run(
        ["bash", str(checkout / "script/demo")],
        env={"PATH": str(checkout / "bin"), "HOME": str(checkout), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = [line for line in done.stderr.splitlines() if "(once" not in line]
    assert (done.returncode, len(said)) == (2, 1), done.stderr
    return said[0]


def test_without_git(checkout: Path) -> None:
    assert start(checkout).startswith("error: git is missing; install it, e.g. 'apt-get install git'")


def test_without_python(checkout: Path) -> None:
    provide(checkout, "git")
    assert start(checkout).startswith("error: no Python 3.10 to 3.13 found; install one")


def test_without_venv(checkout: Path) -> None:
    provide(checkout, "git")
    provide(checkout, "python3", WITHOUT_VENV)
    assert "Python's venv module does not work; install it, e.g. 'apt-get install python3-venv'" in start(checkout)
    assert not (checkout / ".venv-uv").exists()


def test_without_network(checkout: Path) -> None:
    provide(checkout, "git")
    provide(checkout, "python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    env = {"PIP_INDEX_URL": DEAD_INDEX, "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    assert "could not install packages; the package index" in start(checkout, **env)
    assert not (checkout / ".venv-uv").exists(), "what is half installed would be taken for whole"


def test_the_second_start_is_quick() -> None:
    stamp = ROOT / ".venv/.synced-test"
    if not stamp.exists():
        pytest.skip("not set up by script/test")
    command = f". {ROOT}/script/bootstrap; need_tools; find_uv; sync test --group dev"
    started = time.monotonic()
    done = subprocess.run(["bash", "-euc", command], capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 3
    assert done.stderr == ""
