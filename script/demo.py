"""Five pull requests against the flight-delay example, judged for real: the body of script/demo.

Everything happens in a temporary git repository that stays behind, so that its reports can be opened. Each step
is checked: the demo fails when a pull request is not judged as announced.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mlops_ci.cli.surroundings import settle

EXAMPLE = Path(__file__).parents[1] / "examples" / "flight-delay"
MODEL = "flight-delay"
IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "mlops-ci demo"), ("EMAIL", "demo@example.com"))
}
HOLIDAYS = """\
2014-01-01,New Year's Day,federal
2013-07-04,Independence Day,federal
2013-12-24,Christmas Eve,half
"""
TITLE, DIM, GOOD, BAD, PLAIN = (
    ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m")
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    else ("", "", "", "", "")
)


class DemoFailed(Exception):
    """A pull request was not judged as announced."""


@dataclass
class Demo:
    """One temporary repository, and what was seen in it so far."""

    home: Path
    seen: list[tuple[str, int, float]] = field(default_factory=list)

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.home, check=True, stdout=subprocess.DEVNULL)

    def mlops(self, *words: str) -> tuple[int, float]:
        """Run the command line as a user would, its output straight to the terminal: (exit code, seconds)."""
        print(f"{DIM}$ mlops-ci {' '.join(words)}{PLAIN}", flush=True)
        started = time.monotonic()
        code = subprocess.run([sys.executable, "-m", "mlops_ci", *words], cwd=self.home, check=False).returncode
        return code, time.monotonic() - started

    def pull_request(
        self, number: int, title: str, branch: str, edit: Callable[[Path], None], *, expect: int, at_most: float = 0
    ) -> None:
        """Open a branch, make the edit, have it judged, and compare the exit code with what was announced."""
        print(f"\n{TITLE}({number}) {title}{PLAIN}", flush=True)
        self.git("checkout", "-q", "main")
        self.git("checkout", "-qb", branch)
        edit(self.home)
        # A candidate is known by its inputs, so what DVC wrote beside them need not be in git.
        self.git("add", "-A", ".", ":!dvc.lock", ":!metrics.json")
        self.git("commit", "-qm", title)
        code, seconds = self.mlops("pull-request")
        color = GOOD if code == 0 else BAD
        print(f"{color}exit {code}{PLAIN} after {seconds:.1f} s", flush=True)
        self.seen.append((title, code, seconds))
        if code != expect:
            raise DemoFailed(f"pull request {number} ended with exit {code}; {expect} was expected")
        if at_most and seconds > at_most:
            raise DemoFailed(f"pull request {number} took {seconds:.1f} s; at most {at_most:g} s were expected")
        self.keep_report(number, branch)

    def keep_report(self, number: int, branch: str) -> None:
        """The next pull request overwrites the report; a copy stays for the reader."""
        page = self.home / ".mlops" / "reports" / f"{MODEL}.html"
        if page.exists():
            shutil.move(page, self.home / ".mlops" / "reports" / f"{number}-{branch}.html")

    def merge(self, branch: str) -> None:
        """Merge as a squash, register what was judged, and name it production's champion.

        The alias moves through the registry's own port: deploying, which moves it in earnest, comes with the
        merge loop.
        """
        print(f"{DIM}$ git merge --squash {branch}{PLAIN}", flush=True)
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", "--squash", branch)
        self.git("commit", "-qm", f"Merge {branch}")
        code, _ = self.mlops("register", "--model", MODEL)
        if code:
            raise DemoFailed(f"register ended with exit {code}")
        self.crown()

    def crown(self) -> None:
        from mlops_ci.cli import wiring
        from mlops_ci.config.load import load
        from mlops_ci.io.workspace import Workspace

        result = Workspace(self.home).read_result(MODEL, "register")
        registry = wiring.registry(load(self.home / "mlops.yaml", os.environ))
        version = registry.version_of(MODEL, str(result.details["model_digest"])) if result else None
        if version is None:
            raise DemoFailed("the registered version was not found")
        registry.point(MODEL, "production", version)
        print(f"production's champion is now {MODEL} version {version.number}", flush=True)


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


def play(demo: Demo) -> None:
    """The five pull requests of the story."""
    demo.git("init", "-q", "-b", "main")
    (demo.home / "README.md").write_text("# Flight delays\n", encoding="utf-8")
    demo.git("add", "-A")
    demo.git("commit", "-qm", "Start the repository")
    demo.pull_request(1, "Bring the first model", "first-model", bring_the_example, expect=0)
    demo.merge("first-model")
    demo.pull_request(2, "Let the trees grow", "grow", params(iterations=40, leaves=15), expect=0)
    demo.merge("grow")
    haste = params(features="[schedule, weather]", learning_rate=1.5)
    demo.pull_request(3, "Learn fifteen times faster, from the weather too", "haste", haste, expect=10)
    demo.pull_request(4, "Add next year's holidays", "holidays", append("data/holidays.csv", HOLIDAYS), expect=10)
    demo.pull_request(
        5, "Explain the data", "readme", append("README.md", "\nQuestions? Ask us.\n"), expect=0, at_most=1
    )


def summary(demo: Demo) -> None:
    """What was seen, and where to read on."""
    print(f"\n{TITLE}What was judged{PLAIN}")
    for number, (title, code, seconds) in enumerate(demo.seen, 1):
        print(f"  ({number}) exit {code:>2}  {seconds:6.1f} s  {title}")
    print(f"\n{TITLE}Reports{PLAIN}")
    for page in sorted((demo.home / ".mlops" / "reports").glob("*.html")):
        print(f"  {page}")
    print(f"\nThe repository stays at {demo.home}")


def main() -> int:
    """Play the demo; exit 0 only if every pull request was judged as announced."""
    os.environ.update(IDENTITY)
    settle(os.environ)
    demo = Demo(Path(tempfile.mkdtemp(prefix="mlops-ci-demo-")).resolve() / MODEL)
    demo.home.mkdir()
    print(f"A fresh repository at {demo.home}", flush=True)
    try:
        play(demo)
    except DemoFailed as failure:
        print(f"\n{BAD}the demo failed: {failure}{PLAIN}\nThe repository stays at {demo.home}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    summary(demo)
    return 0


if __name__ == "__main__":
    sys.exit(main())
