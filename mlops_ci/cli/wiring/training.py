"""Data, and the pipeline that makes a model of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_ci.cli.wiring.stores import user_cache
from mlops_ci.config.types import Dataset, Model

if TYPE_CHECKING:
    from mlops_ci.ports.data import DataSource, Validator
    from mlops_ci.ports.retraining import Refresher
    from mlops_ci.ports.training import Environments, Pipeline
    from mlops_ci.records.setting_up import Head


def environments() -> Environments:
    from mlops_ci.backends.uv_environments import UvEnvironments

    return UvEnvironments(cache=user_cache() / "environments", environ=os.environ)


def pipeline(model: Model, root: Path, home: Path) -> Pipeline:
    """`root` is the repository's, `home` the folder for our own files."""
    from mlops_ci.backends.dvc.pipeline import DvcPipeline

    folder = model.at(model.train.pipeline).parent
    return DvcPipeline(root=root, folder=folder, home=home, environ=os.environ)


def refresher(model: Model, *, root: Path, checkout: Path, home: Path) -> Refresher:
    """`root` is a work tree beside the user's `checkout`, and the model's; `home` the folder for our own files."""
    from mlops_ci.backends.dvc.refresh import DvcRefresher

    folder = model.at(model.train.pipeline).parent.resolve().relative_to(root).as_posix()
    return DvcRefresher(root=root, checkout=checkout, folder=folder, home=home, environ=os.environ)


def validator() -> Validator:
    from mlops_ci.backends.gx.validator import GreatExpectations

    return GreatExpectations()


def suggest(data: str, *, table: str, name: str, directory: Path | None = None) -> dict[str, Any]:
    """A first suite for a data set, as it is named from a folder, by default the current one."""
    from mlops_ci.backends.data.sources import open_source
    from mlops_ci.backends.gx.suggest import suggest as from_profile

    found = open_source(data, directory=directory or Path.cwd(), table=table)
    return from_profile(found.profile(redact=()), name=name)


def table_head(path: Path) -> Head | None:
    """The columns and first rows of a table; None where it can't be read."""
    from mlops_ci.backends.data.table_head import table_head as head_of

    return head_of(path)


def source(model: Model, dataset: Dataset) -> DataSource:
    from mlops_ci.backends.data.sources import open_source

    return open_source(dataset.data, directory=model.directory, table=dataset.table, query=dataset.query)
