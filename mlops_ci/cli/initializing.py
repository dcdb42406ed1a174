"""The work of `mlops-ci init`: look, ask, show, write."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import click

from mlops_ci import __version__
from mlops_ci.cli import installed, wiring
from mlops_ci.cli.console import Console, detect
from mlops_ci.cli.flows import Flows
from mlops_ci.cli.init_suites import first_suites
from mlops_ci.cli.init_text import diff
from mlops_ci.cli.offering import Offering
from mlops_ci.config.sane import nameable
from mlops_ci.digests.sources import Project
from mlops_ci.errors import RepositoryError, UsageError
from mlops_ci.io.git import Git
from mlops_ci.records.setting_up import Entry, Head, Setup
from mlops_ci.report.clean import plain
from mlops_ci.stages.init import workflows
from mlops_ci.stages.init.advice import about
from mlops_ci.stages.init.entries import Wishes, entries, first
from mlops_ci.stages.init.general import general, has_remote
from mlops_ci.stages.init.look import config_elsewhere, find_models
from mlops_ci.stages.init.prepare import CONFIG, OWNERS, Place, setup_of

PERSON = r"@[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)?|[A-Za-z0-9_.+%-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
OWNER = re.compile(f"({PERSON})( ({PERSON}))*")
NEXT = "next: mlops-ci check, then commit this on a branch, and mlops-ci pull-request"


@dataclass(frozen=True, kw_only=True)
class Initializing:
    """One run in a repository. `below` is the folder in it that is looked at ('' for all of it)."""

    git: Git
    below: str
    console: Console
    asking: bool
    train: str
    wishes: Wishes
    owner: str
    pin: str

    @classmethod
    def here(
        cls, folder: Path, *, asking: bool, json: bool, quiet: bool, train: str, owner: str, pin: str, **wishes: str
    ) -> Initializing:
        """The repository around a folder. Raises RepositoryError where there is none, UsageError where a person must
        be asked and there is no terminal."""
        if asking and not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(
                "there is no terminal to ask on",
                hint="--yes takes what is found and writes it; --dry-run shows it and writes nothing",
            )
        if pin and not workflows.SHA.fullmatch(pin):
            raise UsageError(
                f"--pin is '{pin}', not the 40 digits of a commit", hint="a tag can be moved, a commit can't"
            )
        if owner and not OWNER.fullmatch(owner):
            hint = "name a person (@name), a team (@org/team) or an address; several with a space between"
            raise UsageError(f"--owner is '{plain(owner)}'", hint=hint)
        for name, wish in {"train": train, **wishes}.items():
            if not nameable(wish):
                hint = "mlops.yaml can hold none (a line break is one): rename it"
                raise UsageError(f"--{name} is '{plain(wish)}' and has a control character in it", hint=hint)
        git = Git.open(folder)
        git.head()
        below = folder.resolve().relative_to(git.root).as_posix()
        return cls(
            git=git,
            below="" if below == "." else below,
            console=detect(os.environ, quiet=quiet, json=json),
            asking=asking,
            train=train,
            wishes=Wishes(**wishes),
            owner=owner,
            pin=pin or installed.own_commit(),
        )

    @cached_property
    def project(self) -> Project:
        return Project(self.git.working_tree())

    def set_up(self, *, write: bool) -> int:
        """What the repository lacks, shown and written."""
        made = () if self.flows.read(CONFIG) is not None else self._entries()
        setup = self._setup(made)
        return self._offer(setup, write=write, then=NEXT if made else "")

    def upgrade(self, *, write: bool, conflicts: bool) -> int:
        """Newer workflows merged into those that are there. Exit 10 where conflicts were written."""
        from mlops_ci.io.git_merge import merge_texts
        from mlops_ci.stages.init.upgrade import conflict_lines, upgrade

        if not self.pin and workflows.pin_of(self.flows.existing):
            raise UsageError(
                "nothing tells which commit of mlops-ci is installed here, and the workflows are pinned to one",
                hint="--pin SHA names the commit to pin them to",
            )
        found = upgrade(
            self.flows.rendered(installed.templates()), self.flows.existing, version=__version__, merge=merge_texts
        )
        if not (found.setup.drafts or found.setup.present or found.setup.differing):
            raise UsageError("there are no workflows of mlops-ci here to upgrade", hint="mlops-ci init brings them")
        if found.conflicts and write and not conflicts:
            for line in diff(draft for draft in found.setup.drafts if draft.path in found.conflicts):
                self.console.show(line)
            raise RepositoryError(
                "you and the newer workflows changed the same lines, so nothing was written",
                hint="\n".join(
                    [*conflict_lines(found.conflicts), "--conflicts writes both between markers, for you to mend"]
                ),
                docs="get-started-github.md#newer-workflows",
            )
        code = self._offer(found.setup, write=write, conflicts=found.conflicts)
        for line in conflict_lines(found.conflicts):
            self.console.show(f"to mend by hand: {line}")
        return 10 if found.conflicts else code

    @cached_property
    def flows(self) -> Flows:
        return Flows(git=self.git, pin=self.pin)

    def _entries(self) -> tuple[Entry, ...]:
        name = installed.repository_name(self.git.origin_url(), self.git.root)
        if other := config_elsewhere(self.project.tree):
            raise UsageError(
                f"there is a {CONFIG} in {posixpath.dirname(other)}, and the workflows look for it in the root",
                hint=f"git mv {other} {CONFIG}, and give its models their folder as 'path'; then run again",
            )
        found = find_models(self.project.tree, self.below, name=name, script=self.train)
        return entries(
            self.project, found, wishes=self.wishes, head=self._head, ask=self._ask if self.asking else first
        )

    def _head(self, path: str) -> Head | None:
        return wiring.table_head(self.git.root / path)

    def _ask(self, question: str, choices: Sequence[str]) -> str:
        if len(choices) > 1:
            shown = ", ".join(map(plain, choices[:8])) + (", …" if len(choices) > 8 else "")
            click.echo(f"{question}\n  found: {shown}", err=True)
        answer: str = click.prompt(question if len(choices) < 2 else ">", default=choices[0], err=True)
        return answer.strip()

    def _setup(self, made: tuple[Entry, ...]) -> Setup:
        suites, without = first_suites(self.git.root, made, self.flows.read)
        owners = [path for path in OWNERS if self.flows.read(path) is not None]
        owner = self.owner or (self._ask_owner() if self.asking and made and not owners else "")
        place = Place(
            default_branch=self.flows.branch, revision=self.flows.current_pin or "v1", version=__version__, owner=owner
        )
        made = tuple(replace(entry, suite="") if entry.name in without else entry for entry in made)
        flows = self.flows.rendered(workflows.wanted(installed.templates(), self._has(made)))
        setup = setup_of(
            made,
            flows,
            project=self.project,
            place=place,
            read=self.flows.read,
            existing=self.flows.existing,
            suites=suites,
        )
        advice = [line for entry in made for line in about(entry, self.project, on_disk=self._size)]
        advice += [*without.values(), *self._general(setup, owner=owner, has_owners=bool(owners))]
        return replace(setup, advice=tuple(advice))

    def _general(self, setup: Setup, *, owner: str, has_owners: bool) -> Iterator[str]:
        if setup.drafts:
            yield from general(
                has_dvc_remote=has_remote(self.flows.read(".dvc/config") or ""),
                pin=self.flows.current_pin,
                owner=owner,
                has_owners=has_owners,
                workflows=[draft.path for draft in setup.drafts if draft.path.startswith(workflows.FOLDER)],
            )

    def _ask_owner(self) -> str:
        answer = self._ask("Who approves releases (@name or @org/team)?", ["nobody yet"])
        return answer if OWNER.fullmatch(answer) else ""

    def _has(self, made: Sequence[Entry]) -> frozenset[str]:
        """What workflows are for; a mlops.yaml that is to be written has none of it yet."""
        if made:
            return frozenset()
        from mlops_ci.config.load import load

        return workflows.purposes(load(self.git.root / CONFIG, os.environ).models.values())

    def _size(self, path: str) -> int:
        try:
            return (self.git.root / path).stat().st_size
        except OSError:
            return -1

    def _offer(
        self, setup: Setup, *, write: bool, conflicts: Mapping[str, Sequence[int]] | None = None, then: str = ""
    ) -> int:
        offering = Offering(root=self.git.root, console=self.console, asking=self.asking)
        return offering.finish(setup, write=write, conflicts=conflicts, then=then)
