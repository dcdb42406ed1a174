"""Builds what runs and checks workflows in the tests, once: the body of script/runner-tools.

Two runs take turns; each part is built beside and renamed, so that a run that was killed goes on where it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import golang
from tests.golang import BuildFailed, alone, say
from tests.runner import parts

SETTINGS = {"GOTOOLCHAIN": "auto", "CGO_ENABLED": "0", "GOFLAGS": "-trimpath -p=2"}
# What the bundle's parts that are not ES modules ask for.
BANNER = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'


def main() -> int:
    """Build what is missing. Exit 1 with one line where that fails."""
    folder = parts.home(os.environ)
    if not parts.missing(folder):
        return 0
    begun = time.monotonic()
    try:
        with alone(folder):
            say("building what runs and checks workflows in the tests (once; about two minutes)")
            _programs(folder)
            _parser(folder)
    except (BuildFailed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"what runs and checks workflows is in {folder}, after {time.monotonic() - begun:.0f} s")
    return 0


def _programs(folder: Path) -> None:
    todo = [name for name in parts.PROGRAMS if not parts.program(folder, name).exists()]
    if not todo:
        return
    go = golang.found(folder, parts.COMMAND)
    for name in todo:
        with tempfile.TemporaryDirectory(dir=folder) as beside:
            words = [go, "install", "-ldflags", "-s -w", parts.PROGRAMS[name]]
            _run(words, folder, {**SETTINGS, "GOBIN": beside}, what=f"build {name}")
            (folder / "bin").mkdir(exist_ok=True)
            os.replace(Path(beside) / name, parts.program(folder, name))


def _parser(folder: Path) -> None:
    """One file of GitHub's parser and all that it needs, each package checked against the hash in the lock."""
    if parts.parser(folder).exists():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise BuildFailed("npm is missing, so GitHub's own parser can't be had; install Node 20 or newer")
    with tempfile.TemporaryDirectory(dir=folder) as work:
        for path in parts.LANGUAGE.iterdir():
            shutil.copy(path, work)
        _run([npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], Path(work), {}, what="run npm ci")
        shape = ["--bundle", "--platform=node", "--format=esm", "--log-level=warning", f"--banner:js={BANNER}"]
        words = ["node_modules/.bin/esbuild", "check.mjs", *shape, "--outfile=parser.mjs"]
        _run(words, Path(work), {}, what="bundle GitHub's parser")
        os.replace(Path(work) / "parser.mjs", parts.parser(folder))


def _run(words: Sequence[str], folder: Path, variables: Mapping[str, str], *, what: str) -> None:
    ran = subprocess.run(words, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True)
    if ran.returncode:
        said = [line.strip() for line in (ran.stderr + ran.stdout).splitlines() if line.strip()]
        lines = [line for line in said if not line.startswith("go: downloading")]
        raise BuildFailed(f"could not {what}: {lines[0] if lines else f'exit code {ran.returncode}'}")


if __name__ == "__main__":
    sys.exit(main())
