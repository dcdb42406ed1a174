"""Look for something to train: pipelines that are there, else scripts that fit a model."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from mlops_ci.config.sane import nameable
from mlops_ci.digests.paths import is_inside
from mlops_ci.digests.tree import Tree
from mlops_ci.errors import UsageError
from mlops_ci.records.setting_up import Found, Script
from mlops_ci.stages.init.script import read_script

NOT_OURS = re.compile(r"(?:^|/)(?:tests?|docs?|examples?|notebooks?|\.[^/]+|venv|env|node_modules|site-packages)/")
NOT_TRAINING = re.compile(r"(?:^|/)(?:test_|conftest|setup\.py|evaluate|predict|serve|plot)")
TRAINING = re.compile(r"(?:^|[/_-])(?:train|fit)(?:ing|er)?(?:[/_.-]|$)")
MARKS = ("requirements.txt", "pyproject.toml", "uv.lock", "params.yaml", "params.json", "params.toml")
LARGEST_SCRIPT = 512 * 1024


def find_models(tree: Tree, below: str, *, name: str, script: str = "") -> tuple[Found, ...]:
    """Every folder below `below` ('' is the root) with something to train, sorted.

    `name` names the only model of a repository; several are named by their folders. `script` is a training script, or
    a folder with a pipeline, that a person named. Raises UsageError where nothing is found.
    """
    if script:
        return (_named(tree, script, below, name),)
    folders = [posixpath.dirname(path) for path in sorted(tree.paths()) if _is_pipeline(path, below)]
    found = [Found(folder=folder, name="", pipeline="dvc.yaml") for folder in folders]
    if not found:
        groups: dict[str, list[Script]] = {}
        for item in training_scripts(tree, below):
            groups.setdefault(home_of(tree, item, below), []).append(item)
        found = [Found(folder=folder, name="", choices=_best_first(group)) for folder, group in sorted(groups.items())]
    if not found:
        raise UsageError(
            f"nothing to train was found{f' below {below}' if below else ''}: no dvc.yaml, and no Python file "
            "that fits a model",
            hint="name the script that trains: mlops-ci init --train path/to/script.py",
            docs="get-started-github.md#what-it-looks-for",
        )
    return tuple(_with_name(item, found, name) for item in found)


def config_elsewhere(tree: Tree) -> str:
    """An mlops.yaml that is not in the root; '' where there is none."""
    paths = (path for path in sorted(tree.paths()) if path.endswith("/mlops.yaml"))
    return next((path for path in paths if not NOT_OURS.search(path)), "")


def training_scripts(tree: Tree, below: str) -> Iterator[Script]:
    """Python files that fit or save a model, or that are named so."""
    paths = [path for path in sorted(tree.paths()) if _is_candidate(path, below) and tree.exists(path)]
    tree.prefetch(paths)
    for path in paths:
        content = tree.read(path)
        if len(content) <= LARGEST_SCRIPT:
            found = read_script(path, content)
            if found.fits or found.saves or TRAINING.search(path):
                yield found


def home_of(tree: Tree, script: Script, below: str) -> str:
    """The folder that a script is run in: where the files it names are; else the nearest with a list of packages or
    parameters; else the outermost."""
    folders = [posixpath.dirname(script.path)]
    while folders[-1] not in ("", below):
        folders.append(posixpath.dirname(folders[-1]))
    marks = {folder: any(tree.exists(posixpath.join(folder, name)) for name in MARKS) for folder in folders}
    known = {folder: sum(tree.exists(posixpath.join(folder, name)) for name in script.names) for folder in folders}
    nearest = next((folder for folder in folders if marks[folder]), folders[-1])
    return max(folders, key=lambda folder: (known[folder], folder == nearest))


def _named(tree: Tree, script: str, below: str, name: str) -> Found:
    path = posixpath.normpath(script)
    folder = "" if path == "." else path
    if tree.exists(posixpath.join(folder, "dvc.yaml")):
        return Found(folder=folder, name=name, pipeline="dvc.yaml")
    if not path.endswith(".py") or not tree.exists(path):
        raise UsageError(
            f"there is no '{script}' to train with",
            hint="name a Python file that git does not ignore, or a folder with a dvc.yaml, from the root",
        )
    found = read_script(path, tree.read(path))
    folder = home_of(tree, found, below)
    if tree.exists(posixpath.join(folder, "dvc.yaml")):
        return Found(folder=folder, name=name, pipeline="dvc.yaml")
    return Found(folder=folder, name=name, choices=(found,))


def _is_pipeline(path: str, below: str) -> bool:
    return posixpath.basename(path) == "dvc.yaml" and _is_place(path, below)


def _is_candidate(path: str, below: str) -> bool:
    return path.endswith(".py") and _is_place(path, below) and not NOT_TRAINING.search(path)


def _is_place(path: str, below: str) -> bool:
    return is_inside(path, below or ".") and not NOT_OURS.search(path) and nameable(path)


def _best_first(group: Sequence[Script]) -> tuple[Script, ...]:
    def worth(item: Script) -> tuple[bool, bool, bool, str]:
        return (not item.saves, not TRAINING.search(item.path), not item.fits, item.path)

    return tuple(sorted(group, key=worth))


def _with_name(item: Found, found: Sequence[Found], name: str) -> Found:
    own = name if len(found) == 1 else item.folder.rpartition("/")[2] or name
    if [other.folder.rpartition("/")[2] for other in found].count(item.folder.rpartition("/")[2]) > 1:
        own = item.folder or name
    return Found(folder=item.folder, name=slug(own), choices=item.choices, pipeline=item.pipeline)


def slug(text: str) -> str:
    """A model's name: lower-case letters, digits and `-`."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-") or "model"
