"""`mlops-ci --help` and `check` beside `python -c "import click"`, whole processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from paired import Row, main, pairs, time_row

EXAMPLE = Path(__file__).parents[1] / "examples" / "flight-delay"
PROGRAM = Path(sys.executable).with_name("mlops-ci")
CLICK = (sys.executable, "-c", "import click")


def rows() -> list[Row]:
    """Both rows of the table; `check` runs on the flight-delay example."""
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "repository"
        ignored = shutil.ignore_patterns(".mlops", "*.parquet", "model", "tmp", "cache")
        shutil.copytree(EXAMPLE, repository, ignore=ignored)
        for words in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "x"],
        ):
            subprocess.run(["git", *words], cwd=repository, check=True)
        against = "python -c 'import click'"
        help_pairs = pairs((PROGRAM, "--help"), CLICK, cwd=repository, runs=21, warmup=3)
        check_pairs = pairs((PROGRAM, "check"), CLICK, cwd=repository, runs=21, warmup=3)
    return [
        time_row("`mlops-ci --help`", help_pairs, against=against, at_most=1.5),
        time_row("`mlops-ci check`", check_pairs, against=against, at_most=3.0, note="flight-delay example"),
    ]


if __name__ == "__main__":
    main(rows)
