"""The loops of the flight-delay example, played for real: the body of script/demo.

Six pull requests are judged. Two are merged, served and promoted; one is merged and fails its smoke; one is taken back.
Everything happens in a temporary git repository that stays behind, so that its reports can be opened. Each step is
checked: the demo fails when something does not go as announced. What it serves is stopped at the end.
"""

from __future__ import annotations

import json
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
from mlops_ci.io import http

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
SHAKEN = """\


def shaken(columns):
    \"\"\"A little noise, so that the trees learn no flight by heart.\"\"\"
    return columns + numpy.random.normal(0, 0.3, columns.shape)
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

    def merge(self, branch: str, *, expect: int = 0) -> None:
        """Merge as a squash, and ship: register, serve in staging, propose for production."""
        print(f"{DIM}$ git merge --squash {branch}{PLAIN}", flush=True)
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", "--squash", branch)
        self.git("commit", "-qm", f"Merge {branch}")
        self.ship(expect=expect)

    def revert(self) -> None:
        """Take back what was merged last, and ship."""
        print(f"{DIM}$ git revert HEAD{PLAIN}", flush=True)
        self.git("revert", "--no-edit", "HEAD")
        self.ship()

    def ship(self, *, expect: int = 0) -> None:
        """Make true what main says."""
        code, seconds = self.mlops("merge")
        color = GOOD if code == 0 else BAD
        print(f"{color}exit {code}{PLAIN} after {seconds:.1f} s", flush=True)
        if code != expect:
            raise DemoFailed(f"merge ended with exit {code}; {expect} was expected")

    def promote(self, number: int) -> None:
        """Read a promotion as a reviewer does, merge it, and ship."""
        self.mlops("forge", "show", str(number))
        code, _ = self.mlops("forge", "merge", str(number))
        if code:
            raise DemoFailed(f"forge merge ended with exit {code}")
        self.ship()

    def ask(self, environment: str, *, expect: str) -> str:
        """Send one flight to an environment; returns the digest of the model that answered, which must be `expect`."""
        port = json.loads((self.home / f".mlops/serving/{MODEL}/{environment}/serving.json").read_text("utf-8"))["port"]
        request = (self.home / ".mlops/scratch" / MODEL / "candidate/smoke.json").read_text("utf-8")
        flight = json.loads(request)["request"]
        flight["dataframe_split"]["data"] = flight["dataframe_split"]["data"][:1]
        answer = http.call(
            "POST", f"http://127.0.0.1:{port}/v1/models/{MODEL}:predict", body=json.dumps(flight).encode()
        )
        digest = answer.headers["x-mlops-model-digest"]
        said = json.loads(answer.body)["predictions"][0]
        print(f"{environment} answers {said} for one flight; it is model {digest[:12]}", flush=True)
        if answer.status != 200 or expect not in ("", digest):
            raise DemoFailed(f"{environment} was answered by {digest[:12]}; {expect[:12]} was expected")
        return digest

    def stop(self) -> None:
        """Stop what is served."""
        if (self.home / "mlops.yaml").exists():
            self.mlops("serve", "stop", "--all")


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
    """The story."""
    demo.git("init", "-q", "-b", "main")
    (demo.home / "README.md").write_text("# Flight delays\n", encoding="utf-8")
    demo.git("add", "-A")
    demo.git("commit", "-qm", "Start the repository")
    demo.pull_request(1, "Bring the first model", "first-model", bring_the_example, expect=0)
    demo.merge("first-model")
    first = demo.ask("staging", expect="")
    title("Promote it to production")
    demo.promote(1)
    demo.ask("production", expect=first)
    demo.pull_request(2, "Let the trees grow", "grow", params(iterations=40, leaves=15), expect=0)
    demo.merge("grow")
    second = demo.ask("staging", expect="")
    demo.ask("production", expect=first)
    haste = params(features="[schedule, weather]", learning_rate=1.5)
    demo.pull_request(3, "Learn fifteen times faster, from the weather too", "haste", haste, expect=10)
    demo.pull_request(4, "Add next year's holidays", "holidays", append("data/holidays.csv", HOLIDAYS), expect=10)
    demo.pull_request(
        5, "Explain the data", "readme", append("README.md", "\nQuestions? Ask us.\n"), expect=0, at_most=1
    )
    fail_a_smoke(demo, second)
    title("Promote the second model, then take it back")
    demo.promote(2)
    demo.ask("production", expect=second)
    demo.revert()
    demo.ask("production", expect=first)
    demo.mlops("status")
    demo.mlops("serve", "ps")


def fail_a_smoke(demo: Demo, serving: str) -> None:
    """A model that is better in review, and gives another answer each time it is asked."""
    demo.pull_request(6, "Shake the inputs, so that no flight is learned by heart", "shaken", shake, expect=0)
    title("Merge it: the noise was forgotten in the model, so it never answers twice the same")
    demo.merge("shaken", expect=10)
    demo.ask("staging", expect=serving)
    demo.revert()


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


def title(text: str) -> None:
    print(f"\n{TITLE}{text}{PLAIN}", flush=True)


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
    finally:
        demo.stop()
    summary(demo)
    return 0


if __name__ == "__main__":
    sys.exit(main())
