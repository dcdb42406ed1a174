"""What the people of the demo change on their branches."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from playing.screen import DemoFailed

EXAMPLE = Path(__file__).parents[2] / "examples" / "flight-delay"
HOLIDAYS = """\
2014-01-01,New Year's Day,federal
2013-07-04,Independence Day,federal
2013-12-24,Christmas Eve,half
"""
SHAKEN = """\


def shaken(columns):
    \"\"\"A little noise, so that the trees learn no flight by heart.\"\"\"
    return columns + numpy.random.normal(0, 0.3, columns.shape)
"""


def bring_the_example(home: Path) -> None:
    shutil.copytree(EXAMPLE, home, dirs_exist_ok=True, ignore=untracked)


def untracked(folder: str, names: list[str]) -> set[str]:
    """What a run in the checkout may have left behind, and a fresh clone would not have."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "."],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return set(names) - {Path(path).parts[0] for path in tracked if path}


def params(**values: object) -> Callable[[Path], None]:
    """The edit of some lines of params.yaml."""

    def edit(home: Path) -> None:
        path = home / "params.yaml"
        text = path.read_text("utf-8")
        for name, value in values.items():
            text, count = re.subn(rf"^(\s*{name}:).*$", rf"\1 {value}", text, flags=re.MULTILINE)
            if count != 1:
                raise DemoFailed(f"params.yaml has no line '{name}:'")
        path.write_text(text, "utf-8")

    return edit


def append(path: str, text: str) -> Callable[[Path], None]:
    """The edit that adds lines at the end of a file."""

    def edit(home: Path) -> None:
        with open(home / path, "a", encoding="utf-8") as file:
            file.write(text)

    return edit


def shake(home: Path) -> None:
    """The edit that puts the noise where it is also met when the model is asked, not only when it learns."""
    path = home / "src/train.py"
    text = path.read_text("utf-8")
    for old, new in (
        ("import mlflow.sklearn\n", "import mlflow.sklearn\nimport numpy\n"),
        ("import OrdinalEncoder\n", "import FunctionTransformer, OrdinalEncoder\n"),
        ('OUT = Path("model")\n', 'OUT = Path("model")\n' + SHAKEN),
        ("        HistGradient", "        FunctionTransformer(shaken),\n        HistGradient"),
    ):
        if text.count(old) != 1:
            raise DemoFailed(f"src/train.py has no line {old.strip()!r}")
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
