"""First suites for the data of models that are set up."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from pathlib import Path

from mlops_ci.cli import wiring
from mlops_ci.cli.suggest_suite import as_text
from mlops_ci.errors import MlopsError
from mlops_ci.records.setting_up import Entry
from mlops_ci.report.clean import plain


def first_suites(
    root: Path, made: Sequence[Entry], read: Callable[[str], str | None]
) -> tuple[dict[str, str], dict[str, str]]:
    """A first suite for each model's training data, by path; and for models without one, why. One that is there stays.

    `read` gives a file's text, None where there is none.
    """
    suites: dict[str, str] = {}
    without: dict[str, str] = {}
    for entry in made:
        if not entry.suite:
            continue
        folder = root / entry.folder
        path, table = _joined(entry.folder, entry.suite), _joined(entry.folder, entry.training)
        how = f"mlops-ci suggest-suite {table} -o {path}"
        if (there := read(path)) is not None:
            suites[path] = there
        elif not (folder / entry.training).exists():
            without[entry.name] = f"{table} is not here yet; when it is, '{how}' writes a first suite for {entry.name}"
        else:
            try:
                suggested = wiring.suggest(entry.training, table="", name=Path(path).stem, directory=folder)
                suites[path] = as_text(suggested)
            except MlopsError as error:
                without[entry.name] = f"no suite was written for {table}: {plain(error.message)} ({error.hint or how})"
    return suites, without


def _joined(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))
