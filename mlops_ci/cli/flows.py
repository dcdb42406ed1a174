"""The workflows of a repository, and what ours would be in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mlops_ci import __version__
from mlops_ci.cli.offering import read_text
from mlops_ci.errors import RepositoryError
from mlops_ci.io.git import Git
from mlops_ci.stages.init import workflows


@dataclass(frozen=True, kw_only=True)
class Flows:
    """`pin` is the commit that is installed, '' where nothing tells it."""

    git: Git
    pin: str

    def read(self, path: str) -> str | None:
        """A file of the repository; None where there is none. Raises RepositoryError for what is no text."""
        return read_text(self.git.root, path)

    @cached_property
    def existing(self) -> dict[str, str]:
        """The workflows of the repository, and what they were made from, by path."""
        folders = (workflows.FOLDER, workflows.BASES)
        paths = [path for folder in folders for path in sorted((self.git.root / folder).glob("*.y*ml"))]
        names = [path.relative_to(self.git.root).as_posix() for path in paths]
        return {name: text for name in names if (text := self.read(name)) is not None}

    def rendered(self, templates: Mapping[str, str]) -> dict[str, str]:
        """Templates as they would be written here, by name."""
        return {
            name: workflows.rendered(text, pin=self.current_pin, version=f"v{__version__}", default_branch=self.branch)
            for name, text in templates.items()
        }

    @cached_property
    def current_pin(self) -> str:
        """The commit that is installed; where nothing tells it, the one that the workflows name already."""
        return self.pin or workflows.pin_of(self.existing)

    @cached_property
    def branch(self) -> str:
        """The default branch; the current one in a repository that has no other."""
        try:
            return self.git.default_branch()
        except RepositoryError:
            return self.git.branch() or "main"
