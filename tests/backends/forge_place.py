"""A forge for a test, and what people do beside it: commit, comment, approve, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mlops_ci.backends.local_forge.forge import LocalForge
from mlops_ci.io.git_write import Person
from mlops_ci.io.workspace import Workspace
from mlops_ci.ports.forge import Forge
from tests.digests.repository import Repository

HUMAN = Person(name="A Human", email="human@example.com")


class ForgePlace(Protocol):
    """A forge with a branch `main` of one commit, in which `kept.txt` and `releases/a.yaml` ("old\\n") are."""

    @property
    def forge(self) -> Forge: ...

    def commit(self, branch: str, files: Mapping[str, str | None], message: str = "By hand") -> str:
        """A person commits to a branch, which comes to be where it is not; the commit's SHA."""

    def force(self, branch: str, commit: str) -> None:
        """A person puts a branch elsewhere."""

    def delete(self, branch: str) -> None:
        """A person deletes a branch."""

    def comment(self, number: int, text: str) -> None:
        """A person comments."""

    def approve(self, number: int) -> None:
        """A person approves."""

    def files(self, branch: str) -> dict[str, str]:
        """All files of a branch."""

    def message(self, commit: str) -> str:
        """A commit's message."""


@dataclass(frozen=True)
class LocalPlace:
    """The local forge in a real repository whose work tree has `desk` checked out, not `main`."""

    repository: Repository
    forge: LocalForge

    @classmethod
    def create(cls, root: Path) -> LocalPlace:
        repository = Repository.create(root)
        repository.write("kept.txt", "kept\n")
        repository.write("releases/a.yaml", "old\n")
        repository.commit("Start")
        repository.git("checkout", "-qb", "desk")
        return cls(repository, LocalForge(repository.root, Workspace(repository.root)))

    @property
    def human(self) -> LocalForge:
        return replace(self.forge, actor=HUMAN)

    def commit(self, branch: str, files: Mapping[str, str | None], message: str = "By hand") -> str:
        if not self.forge.tip(branch):
            self.repository.git("branch", branch, "main")
        beside = Repository(self.repository.root.parent / "beside")
        self.repository.git("worktree", "add", "-q", str(beside.root), branch)
        for path, content in files.items():
            if content is None:
                (beside.root / path).unlink()
            else:
                beside.write(path, content)
        made = beside.commit(message)
        self.repository.git("worktree", "remove", "--force", str(beside.root))
        return made

    def force(self, branch: str, commit: str) -> None:
        self.repository.git("branch", "-f", branch, commit)

    def delete(self, branch: str) -> None:
        self.repository.git("branch", "-D", branch)

    def comment(self, number: int, text: str) -> None:
        self.human.comment(number, text, marker="none")

    def approve(self, number: int) -> None:
        self.human.approve(number)

    def files(self, branch: str) -> dict[str, str]:
        names = self.repository.git("ls-tree", "-r", "--name-only", branch).splitlines()
        return {name: self.repository.git("show", f"{branch}:{name}") for name in names}

    def message(self, commit: str) -> str:
        return self.repository.git("log", "-1", "--format=%B", commit)
