"""What runs and checks the workflows in the tests, and where script/runner-tools leaves it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
LANGUAGE = HERE / "language"
COMMAND = "script/runner-tools"
# Program → the Go package that it is.
PROGRAMS = {
    "act": "github.com/nektos/act@v0.2.89",
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12",
}


def home(variables: Mapping[str, str]) -> Path:
    """The folder of these very versions: others, another folder."""
    cache = variables.get("MLOPS_CI_TEST_CACHE") or variables.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    pinned = hashlib.sha256(repr(PROGRAMS).encode())
    for path in sorted(LANGUAGE.iterdir()):
        pinned.update(f"{path.name}\0".encode() + path.read_bytes())
    return Path(cache) / "mlops-ci-tests" / f"runner-{pinned.hexdigest()[:16]}"


def program(folder: Path, name: str) -> Path:
    """A built part."""
    return folder / "bin" / name


def parser(folder: Path) -> Path:
    """GitHub's own parser of workflows, as one file for Node."""
    return folder / "parser.mjs"


def missing(folder: Path) -> list[str]:
    """What is not there yet."""
    return [path.name for path in (*(program(folder, name) for name in PROGRAMS), parser(folder)) if not path.exists()]
