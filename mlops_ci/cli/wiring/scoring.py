"""Models asked for answers, in the environment of their user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_ci.cli.wiring.forges import git
from mlops_ci.cli.wiring.stores import tracker
from mlops_ci.cli.wiring.training import environments
from mlops_ci.config.types import Config

if TYPE_CHECKING:
    from mlops_ci.ports.batch import BatchOutput, BatchRows, Wanted
    from mlops_ci.ports.holdouts import Holdouts
    from mlops_ci.ports.scoring import Scorer, ServerTrial
    from mlops_ci.stages.score import Bench


def scorer() -> Scorer:
    from mlops_ci.backends.scoring.scorer import SubprocessScorer

    return SubprocessScorer(environ=os.environ)


def server_trial() -> ServerTrial:
    from mlops_ci.backends.scoring.server_trial import LocalServerTrial
    from mlops_ci.serving.code import copy_into

    return LocalServerTrial(environ=os.environ, server_code=copy_into)


def server_requirements() -> tuple[str, ...]:
    """What the model server needs beside the user's own environment."""
    from mlops_ci.serving.code import REQUIREMENTS

    return REQUIREMENTS


def holdouts() -> Holdouts:
    from mlops_ci.backends.data.holdouts import FileHoldouts

    return FileHoldouts()


def batch(config: Config, *, scratch: Path) -> Bench:
    """All that batch scoring needs; what is made meanwhile lies in `scratch`."""
    from mlops_ci.backends.keeper.kept_model import find_kept
    from mlops_ci.backends.scoring.scorer import SubprocessScorer
    from mlops_ci.io.workspace import Workspace
    from mlops_ci.ports.training import Interpreter
    from mlops_ci.records.models import Release
    from mlops_ci.serving.code import copy_into
    from mlops_ci.stages.score import Bench
    from mlops_ci.stages.scoring import Home

    workspace = Workspace(config.root)

    def kept(release: Release) -> tuple[Path, Interpreter] | None:
        found = find_kept(workspace.home / "serving", release)
        if found is None:
            return None
        return found[0], Interpreter(path=found[1], digest="", version="", description="kept to be served")

    return Bench(
        home=Home(root=git(config).root, tracker=tracker(config), environments=environments()),
        scorer=SubprocessScorer(environ=os.environ),
        kept=kept,
        server_code=copy_into,
        scratch=scratch,
        workspace=workspace,
    )


def batch_rows(wanted: Wanted) -> BatchRows:
    """The rows of what was named on the command line, from the folder it was named in."""
    from mlops_ci.backends.scoring.batch_input import open_rows

    return open_rows(wanted, directory=Path.cwd(), environ=os.environ)


def batch_output(place: str, *, scratch: Path) -> BatchOutput:
    """The folder or file that was named on the command line."""
    from mlops_ci.backends.scoring.batch_output import open_output

    return open_output(place, directory=Path.cwd(), scratch=scratch, environ=os.environ)
