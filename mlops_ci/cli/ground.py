"""What `mlops-ci doctor` stands on: the config where it can be read, the clone, and the way to GitHub."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from mlops_ci.cli import installed, wiring
from mlops_ci.cli.flows import Flows
from mlops_ci.config.load import load
from mlops_ci.config.types import Config, Environment, Model
from mlops_ci.errors import MlopsError
from mlops_ci.github.credentials import find_access
from mlops_ci.io.git import Git
from mlops_ci.records.github import Access
from mlops_ci.stages.init.workflows import FOLDER

Found = TypeVar("Found")
SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE_KEY|ACCESS_KEY|API_KEY", re.IGNORECASE)
SHORTEST = 6  # characters; of shorter values too much else would be blotted out


@dataclass(frozen=True, kw_only=True)
class Ground:
    """`config` is None where it can't be read, which `wrong` tells; `access` is None where GitHub can't be asked, and
    `refused` tells what is wrong with the token that is there. `git` is None outside of a repository."""

    folder: Path
    config: Config | None
    access: Access | None
    git: Git | None
    wrong: MlopsError | None = None
    refused: MlopsError | None = None
    lost: MlopsError | None = None

    @classmethod
    def of(cls, path: Path) -> Ground:
        """From the config file. Whatever can't be found is told by a probe, and the rest is looked at all the same."""
        folder = path.absolute().parent
        config, wrong = _tried(lambda: load(path, os.environ))
        access, refused = _tried(lambda: wiring.github_access(config) if config else find_access(os.environ))
        git, lost = _tried(lambda: Git.open(folder if folder.is_dir() else Path.cwd()))
        return cls(folder=folder, config=config, access=access, git=git, wrong=wrong, refused=refused, lost=lost)

    @property
    def models(self) -> tuple[Model, ...]:
        return tuple(self.config.models.values()) if self.config else ()

    @property
    def places(self) -> Iterator[tuple[Model, Environment]]:
        """Every model in every environment."""
        return ((model, place) for model in self.models for place in model.environments)

    @cached_property
    def flows(self) -> Flows | None:
        return Flows(git=self.git, pin=installed.own_commit()) if self.git else None

    @cached_property
    def on_github(self) -> bool:
        """Whether its pull requests live there, as far as can be told without asking."""
        if self.config is not None and self.config.forge != "auto":
            return self.config.forge == "github"
        if self.access is not None or self.git is None:
            return self.access is not None
        return "github" in self.git.origin_url() or any((self.git.root / FOLDER).glob("*.y*ml"))

    @property
    def opens(self) -> bool:
        """Whether mlops-ci has pull requests of its own to open: promotions, retrainings."""
        return any(len(model.environments) > 1 or model.retrain for model in self.models)


def secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Values of variables that are named like secrets; of those with many lines, each line."""
    values = [value for name, value in environ.items() if SECRET.search(name)]
    return tuple(line.strip() for value in values for line in value.splitlines() if len(line.strip()) >= SHORTEST)


def _tried(find: Callable[[], Found]) -> tuple[Found | None, MlopsError | None]:
    try:
        return find(), None
    except MlopsError as error:
        return None, error
