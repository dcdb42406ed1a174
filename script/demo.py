"""The loops of the flight-delay example, played for real: the body of script/demo.

Six pull requests are judged. Two are merged, served and promoted; one is merged and fails its smoke; one is taken back.
Then a year of flights goes by: drift opens a pull request, which is kept current, merged and served. Everything happens
in a temporary git repository. Each step is checked: the demo fails when something does not go as announced. At the end
all of it is stopped and removed but the reports; --keep leaves it as it is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from enum import Enum
from pathlib import Path

from playing import year
from playing.edits import HOLIDAYS, append, bring_the_example, params, shake
from playing.repository import IDENTITY, MODEL, Demo
from playing.screen import BAD, PLAIN, TITLE, DemoFailed, title

from mlops_ci.cli.surroundings import settle

PREFIX = "mlops-ci-demo-"


def play(demo: Demo) -> None:
    """The story."""
    demo.pull_request(1, "Bring the first model", "first-model", bring_the_example, expect=0)
    demo.merge("first-model")
    first = demo.ask("staging", expect="")
    title("Promote it to production")
    demo.promote()
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
    demo.promote()
    demo.ask("production", expect=second)
    demo.revert()
    demo.ask("production", expect=first)
    demo.mlops("status")
    demo.mlops("serve", "ps")
    year.play(demo)
    demo.mlops("serve", "ps")


def fail_a_smoke(demo: Demo, serving: str) -> None:
    """A model that is better in review, and gives another answer each time it is asked."""
    demo.pull_request(6, "Shake the inputs, so that no flight is learned by heart", "shaken", shake, expect=0)
    title("Merge it: the noise was forgotten in the model, so it never answers twice the same")
    demo.merge("shaken", expect=10)
    demo.ask("staging", expect=serving)
    demo.revert()


def begin(demo: Demo) -> None:
    """A repository with nothing but a README."""
    demo.git("init", "-q", "-b", "main")
    (demo.home / "README.md").write_text("# Flight delays\n", encoding="utf-8")
    demo.git("add", "-A")
    demo.git("commit", "-qm", "Start the repository")


def summary(demo: Demo, *, kept: bool) -> None:
    """What was seen, and where to look."""
    print(f"\n{TITLE}What was judged{PLAIN}")
    for number, (text, code, seconds) in enumerate(demo.seen, 1):
        print(f"  ({number}) exit {code:>2}  {seconds:6.1f} s  {text}")
    print(f"\n{TITLE}Where to look{PLAIN}")
    for page in sorted(demo.reports.iterdir()):
        print(f"  {page}")
    if kept:
        print(f"  {demo.home}: the repository, e.g. 'mlops-ci status' there; what serves is above")
        print(f"  {year.folder(demo)}: production's flights; 'export PRODUCTION={year.folder(demo)}' before 'drift'")
        print(f"\nTo stop and remove all of it: script/demo --stop {demo.home.parent}")


def stop(root: Path) -> int:
    """Stop and remove what an earlier `--keep` left."""
    home = root / MODEL
    if not root.name.startswith(PREFIX) or not home.is_dir():
        print(f"error: {root} is no folder that 'script/demo --keep' left", file=sys.stderr)
        return 2
    Demo(home).stop()
    shutil.rmtree(root)
    return 0


def main() -> int:
    """Play the demo; exit 0 only if everything went as announced."""
    parser = argparse.ArgumentParser(prog="script/demo", description="Plays mlops-ci's loops on real flights.")
    parser.add_argument("--github", action="store_true", help="with the pull requests at a GitHub of its own")
    parser.add_argument("--keep", action="store_true", help="leave the repository and what it serves")
    parser.add_argument("--stop", metavar="FOLDER", type=Path, help="stop and remove what --keep left")
    asked = parser.parse_args()
    settle(os.environ)
    if asked.stop:
        return stop(asked.stop.resolve())
    if asked.github and (problem := hub_missing()):
        print(f"error: {problem}", file=sys.stderr)
        return 2
    os.environ.update(IDENTITY)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # on two cores threads that wait busily take half the time
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    demo = Demo(root / MODEL)
    demo.home.mkdir()
    os.environ["PRODUCTION"] = str(year.folder(demo))
    print(f"A fresh repository at {demo.home}", flush=True)
    return watched(demo, github=asked.github, keep=asked.keep)


def hub_missing() -> str:
    """What `--github` lacks on this machine, '' where nothing is."""
    sys.path.append(str(Path(__file__).parents[1]))
    try:
        from playing.hub import missing
    except ModuleNotFoundError as error:
        return f"{error.name} is not installed: start it as script/demo --github, which installs what it needs"
    return missing()


def watched(demo: Demo, *, github: bool, keep: bool) -> int:
    """Play, and clean up however it ends; after a failure the repository stays to be looked at."""
    code, remains = 1, Remains.REPOSITORY
    with ExitStack() as around:
        try:
            begin(demo)
            if github:
                from playing.hub import at_github  # it needs what only tests need

                demo.pulls = around.enter_context(at_github(demo))
            play(demo)
            code, remains = 0, Remains.ALL if keep else Remains.REPORTS
            if keep:
                summary(demo, kept=True)
            if keep and github:
                print("GitHub's server is part of this, and waits: Ctrl-C stops and removes everything", flush=True)
                signal.pause()
        except DemoFailed as failure:
            print(f"\n{BAD}the demo failed: {failure}{PLAIN}\nThe repository stays at {demo.home}", file=sys.stderr)
        except KeyboardInterrupt:
            code, remains = 130, Remains.NOTHING
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            clean(demo, remains)
    if remains is Remains.REPORTS:
        summary(demo, kept=False)
    return code


class Remains(Enum):
    """What is left when the demo has ended."""

    ALL = "all"
    REPOSITORY = "repository"
    REPORTS = "reports"
    NOTHING = "nothing"


def clean(demo: Demo, remains: Remains) -> None:
    """Stop what serves, and remove what shall not stay."""
    root = demo.home.parent
    if remains is Remains.ALL:
        return
    demo.stop()
    if remains is Remains.NOTHING:
        shutil.rmtree(root)
    if remains is Remains.REPORTS:
        for path in root.iterdir():
            if path != demo.reports:
                shutil.rmtree(path)


if __name__ == "__main__":
    sys.exit(main())
