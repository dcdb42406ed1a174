"""An example as somebody gets it who clones it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.person import Person

ROOT = Path(__file__).parents[2]


def copy(name: str, to: Path) -> Person:
    """The example as a fresh clone would hold it, committed on a branch `first`."""
    example = ROOT / "examples" / name
    words = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    for path in subprocess.run(words, cwd=example, check=True, capture_output=True, text=True).stdout.split("\0")[:-1]:
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(example / path, to / path)
    person = Person(to)
    person.git("init", "-q", "-b", "main")
    person.git("commit", "-q", "--allow-empty", "-m", "Start")
    person.branch("first")
    person.git("add", "-A")
    person.commit("Bring the models")
    return person


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Look for the examples' packages first, so that a missing package index is told apart from a failure."""
    needed = ROOT / "examples/flight-delay/requirements.txt"
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    venv = tmp_path_factory.mktemp("probe") / "venv"
    subprocess.run([uv, "venv", "-q", venv], check=True)
    words: list[str | Path] = [uv, "pip", "install", "-q", "--dry-run", "--python", venv, "-r", needed]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip().splitlines()[-1:]}")
