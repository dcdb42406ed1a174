"""The demo's temporary repository, and what people do in it at the command line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.io import http
from playing import commands
from playing.pulls import MLOPS, LocalPulls, Pulls
from playing.screen import DemoFailed, ended, title, typed

MODEL = "flight-delay"
IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "mlops-ci demo"), ("EMAIL", "demo@example.com"))
}


@dataclass
class Demo:
    """One temporary repository, and what was seen in it so far. `home` is its folder, in one that is the demo's."""

    home: Path
    pulls: Pulls | None = None
    seen: list[tuple[str, int, float]] = field(default_factory=list)

    @property
    def at(self) -> Pulls:
        """Where pull requests live; in the repository, where nothing else was said."""
        return self.pulls or LocalPulls(self.home)

    @property
    def reports(self) -> Path:
        return self.home.parent / "reports"

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.home, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    def mlops(self, *words: str) -> tuple[int, float]:
        """Run the command line as a user would, its output straight to the terminal: (exit code, seconds)."""
        typed(f"mlops-ci {' '.join(words)}")
        started = time.monotonic()
        code, _ = commands.run([*MLOPS, *words], folder=self.home, environ=self.at.environ)
        return code, time.monotonic() - started

    def told(self, *words: str, lines: str, expect: int = 0) -> str:
        """The same, but only the lines that a pattern finds are shown; all of them where it ends otherwise.

        They are as wide as lines get, whatever the terminal: one that goes on in a second line would lose it."""
        typed(f"mlops-ci {' '.join(words)}")
        started = time.monotonic()
        wide = {**self.at.environ, "COLUMNS": "120"}
        code, said = commands.run([*MLOPS, *words], folder=self.home, quiet=True, environ=wide)
        shown = [line for line in said.splitlines() if code != expect or re.search(lines, line)]
        print("\n".join(shown), flush=True)
        ended(code, time.monotonic() - started)
        if code != expect:
            raise DemoFailed(f"mlops-ci {words[0]} ended with exit {code}; {expect} was expected")
        return said

    def result(self, stage: str) -> dict[str, Any]:
        """What a stage left behind."""
        found: dict[str, Any] = json.loads((self.home / f".mlops/results/{MODEL}/{stage}.json").read_text("utf-8"))
        return found

    def pull_request(
        self, number: int, text: str, branch: str, edit: Callable[[Path], None], *, expect: int, at_most: float = 0
    ) -> None:
        """Open a branch, make the edit, have it judged, and compare the exit code with what was announced."""
        title(f"({number}) {text}")
        self.git("checkout", "-q", "main")
        self.git("checkout", "-qb", branch)
        edit(self.home)
        # A candidate is known by its inputs, so what DVC wrote beside them need not be in git.
        self.git("add", "-A", ".", ":!dvc.lock", ":!metrics.json")
        self.git("commit", "-qm", text)
        self.at.propose(branch, text)
        code, seconds = self.mlops("pull-request", *self.at.publish)
        ended(code, seconds)
        self.seen.append((text, code, seconds))
        if code != expect:
            raise DemoFailed(f"pull request {number} ended with exit {code}; {expect} was expected")
        if at_most and seconds > at_most:
            raise DemoFailed(f"pull request {number} took {seconds:.1f} s; at most {at_most:g} s were expected")
        self.at.judged(branch)
        self.keep_report(f"{number}-{branch}.html")

    def keep_report(self, name: str, page: str = f"{MODEL}.html") -> None:
        """The next run overwrites a report; a copy stays for the reader."""
        made = self.home / ".mlops" / "reports" / page
        if made.exists():
            self.reports.mkdir(exist_ok=True)
            shutil.move(made, self.reports / name)

    def merge(self, branch: str, *, expect: int = 0) -> None:
        """Merge as a squash, and ship: register, serve in staging, propose for production."""
        self.at.merge_branch(branch)
        self.ship(expect=expect)

    def revert(self) -> None:
        """Take back what was merged last, and ship."""
        typed("git revert HEAD")
        self.git("revert", "--no-edit", "HEAD")
        self.at.moved()
        self.ship()

    def ship(self, *, expect: int = 0) -> None:
        """Make true what main says."""
        code, seconds = self.mlops("merge")
        ended(code, seconds)
        if code != expect:
            raise DemoFailed(f"merge ended with exit {code}; {expect} was expected")

    def promote(self) -> None:
        """Read a promotion as a reviewer does, merge it, and ship."""
        number = self.at.number(f"mlops-ci/promote/{MODEL}/production")
        self.at.show(number)
        self.at.merge(number)
        self.ship()

    def ask(self, environment: str, *, expect: str) -> str:
        """Send one flight to an environment; returns the digest of the model that answered, which must be `expect`."""
        flight = self.question()
        flight["dataframe_split"]["data"] = flight["dataframe_split"]["data"][:1]
        said, digest = self.answers(environment, flight)
        print(f"{environment} answers {said[0]} for one flight; it is model {digest[:12]}", flush=True)
        if expect not in ("", digest):
            raise DemoFailed(f"{environment} was answered by {digest[:12]}; {expect[:12]} was expected")
        return digest

    def question(self) -> dict[str, Any]:
        """A request of some flights, as the smoke makes it."""
        text = (self.home / ".mlops/scratch" / MODEL / "candidate/smoke.json").read_text("utf-8")
        found: dict[str, Any] = json.loads(text)["request"]
        return found

    def answers(self, environment: str, question: dict[str, Any]) -> tuple[list[Any], str]:
        """(what an environment answers, the digest of the model that did)."""
        port = json.loads((self.home / f".mlops/serving/{MODEL}/{environment}/serving.json").read_text("utf-8"))["port"]
        url = f"http://127.0.0.1:{port}/v1/models/{MODEL}:predict"
        answer = http.call("POST", url, body=json.dumps(question).encode())
        if answer.status != 200:
            raise DemoFailed(f"{environment} answers with status {answer.status}")
        return json.loads(answer.body)["predictions"], answer.headers["x-mlops-model-digest"]

    def stop(self) -> None:
        """Stop what is served."""
        if (self.home / "mlops.yaml").exists():
            self.mlops("serve", "stop", "--all")
