"""Where the demo's pull requests live: in the repository itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from playing import commands
from playing.screen import DemoFailed, typed

MLOPS = (sys.executable, "-m", "mlops_ci")


class Pulls(Protocol):
    """Where pull requests are opened, shown and merged. `environ` is what mlops-ci finds there beside the machine's,
    `publish` the words that make it show its verdict there."""

    @property
    def environ(self) -> Mapping[str, str]: ...

    @property
    def publish(self) -> tuple[str, ...]: ...

    def propose(self, branch: str, title: str) -> None:
        """Open the pull request of a branch that is checked out."""

    def fetched(self, branch: str) -> str:
        """What git calls a branch of mlops-ci's here, which is about to be judged."""

    def judged(self, branch: str) -> None:
        """Show what was just judged."""

    def merge_branch(self, branch: str) -> None:
        """Merge a person's branch as a squash; `main` is checked out and has it afterwards."""

    def number(self, branch: str) -> int:
        """The open pull request that mlops-ci keeps on a branch. Raises DemoFailed where there is none."""

    def text(self, number: int) -> str:
        """What it says, in Markdown; how to read it is told."""

    def show(self, number: int) -> None:
        """Print it."""

    def approve(self, number: int) -> None:
        """A reviewer approves it as it is."""

    def merge(self, number: int) -> None:
        """Merge one that mlops-ci keeps; `main` is checked out and has it afterwards."""

    def moved(self) -> None:
        """`main` has a commit more, made here."""


@dataclass(frozen=True)
class LocalPulls:
    """Branches are git's, and mlops-ci's own requests are files of `mlops-ci forge`. A person's need none."""

    home: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    publish: tuple[str, ...] = ()

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.home, check=True, stdout=subprocess.DEVNULL)

    def forge(self, *words: str) -> None:
        typed(f"mlops-ci forge {' '.join(words)}")
        code, _ = commands.run([*MLOPS, "forge", *words], folder=self.home)
        if code:
            raise DemoFailed(f"forge {words[0]} ended with exit {code}")

    def propose(self, branch: str, title: str) -> None:
        pass

    def fetched(self, branch: str) -> str:
        return branch

    def judged(self, branch: str) -> None:
        pass

    def merge_branch(self, branch: str) -> None:
        typed(f"git merge --squash {branch}")
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", "--squash", branch)
        self.git("commit", "-qm", f"Merge {branch}")

    def _open(self) -> list[dict[str, object]]:
        _, said = commands.run([*MLOPS, "forge", "list", "--json"], folder=self.home, quiet=True)
        found: list[dict[str, object]] = json.JSONDecoder().raw_decode(said)[0]  # the same as lines comes behind
        return found

    def number(self, branch: str) -> int:
        for pull in self._open():
            if pull["branch"] == branch:
                return int(str(pull["number"]))
        raise DemoFailed(f"no pull request is open on {branch}")

    def text(self, number: int) -> str:
        typed(f"mlops-ci forge show {number}")
        return next(str(pull["body"]) for pull in self._open() if pull["number"] == number)

    def show(self, number: int) -> None:
        self.forge("show", str(number))

    def approve(self, number: int) -> None:
        self.forge("approve", str(number))

    def merge(self, number: int) -> None:
        self.forge("merge", str(number))

    def moved(self) -> None:
        pass
