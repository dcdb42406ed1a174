"""Run every benchmark and write RESULTS.md: `python benchmarks/run_all.py [NAME …]`."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import paired

HERE = Path(__file__).parent
SECTIONS = {
    "startup": "Start-up: `--help` and `check`",
    "affected": "`pull-request` with nothing affected",
    "merge": "`merge` and `status` with nothing to do",
    "github_calls": "GitHub's API calls",
    "validate": "`validate`, 1M-row Parquet, 20 expectations",
    "train": "`train` with nothing to do",
    "verdict": "Verdict on 10M rows",
    "digest": "Digest of a model directory",
    "serving": "The model server",
    "deploy": "From `deploy` to the first answer",
    "build": "An image of a new model, same packages (needs root, Docker, a registry and debootstrap)",
    "workflow": "In a workflow (needs script/runner-tools and script/github-api)",
    "score": "Batch scoring of 10M rows",
    "drift": "Drift: beside Evidently, and beside one scan",
}
ARGUMENTS = {"workflow": ("--cold",)}  # its rows of a fresh runner, which downloads every package


def machine() -> str:
    """The machine in one line: processors, memory, system, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def run(name: str, into: Path) -> str:
    """One benchmark's rows. Raises CalledProcessError where it fails."""
    rows = into / f"{name}.md"
    words = [HERE / f"{name}.py", *ARGUMENTS.get(name, ()), "--rows", rows]
    subprocess.run([sys.executable, *words], check=True, cwd=HERE)
    return rows.read_text("utf-8")


def main() -> None:
    """Write RESULTS.md whole, or not at all."""
    names = sys.argv[1:] or list(SECTIONS)
    head = paired.table([])
    with tempfile.TemporaryDirectory() as folder:
        parts = [f"## {SECTIONS[name]}\n\n{head}\n{run(name, Path(folder))}" for name in names]
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    text = "\n".join(
        [
            "# Benchmark results",
            "",
            f"Measured on {date}: {machine()}.",
            "Each row comes from one run in which both sides alternate; ratios are medians of pairs. "
            "`python benchmarks/run_all.py` makes this file.",
            "",
            *parts,
        ]
    )
    beside = HERE / "RESULTS.md.new"
    beside.write_text(text, encoding="utf-8")
    beside.replace(HERE / "RESULTS.md")


if __name__ == "__main__":
    main()
