"""What git says is released: the release files of a revision, or of the working tree."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from mlops_ci.config.release_file import DOCS, FOLDER, digest, parse, path_of, place_of
from mlops_ci.config.types import Config
from mlops_ci.digests.tree import Tree
from mlops_ci.errors import ConfigError
from mlops_ci.records.models import Release


def read_release(config: Config, model: str, environment: str, *, tree: Tree) -> Release | None:
    """The release that `tree` names for a model's environment, or None where it names none.

    Raises UsageError for a name that is none, ConfigError with file and line for a file that is no release.
    """
    path = path_of(model, environment)
    place_of(path, environments(config))
    full = f"{folder(config, tree)}{path}"
    return _read(full, path, model, tree) if tree.kind(full) else None


def read_releases(config: Config, *, tree: Tree) -> Mapping[tuple[str, str], Release]:
    """(model, environment) → release, of every release file in `tree`.

    Raises ConfigError for a YAML file below `releases/` that is no release of a model and environment of the config.
    """
    known, prefix = environments(config), folder(config, tree)
    found: dict[tuple[str, str], Release] = {}
    files = sorted(_files(tree.paths(), prefix))
    tree.prefetch(prefix + path for path in files)
    for path in files:
        model, environment = place_of(path, known)
        found[model, environment] = _read(prefix + path, path, model, tree)
    return found


def not_registered(named: Release, registered: Release, served: Collection[str]) -> str:
    """The first field of a release file's release that nobody registered like this, '' where there is none.

    `registered` is the version's release; a file may name it as it was before it was packed. `served` are the digests
    (release_file.digest) of what the version has been served as. How it is served is told by them alone, since it
    follows the config; a version that was never served yet has none, and tells nothing about that.
    """
    if not same_or_unpacked(named, replace(registered, serving=named.serving)):
        fields = (field.name for field in dataclasses.fields(named) if field.name != "serving")
        return next(name for name in fields if getattr(named, name) != getattr(registered, name))
    return "serving" if served and digest(named) not in served else ""


def same_or_unpacked(named: Release, other: Release) -> bool:
    """Whether `named` is `other`, or is it without its image, or without the address of its model.

    A version may be packed after a file named it. That file means it as it was, and it is served so. Another image
    than the other's is another release.
    """
    if not (named.image or named.image_digest or named.storage_uri):
        other = replace(other, image="", image_digest="", storage_uri="")
    return named == other


def environments(config: Config) -> Mapping[str, tuple[str, ...]]:
    """The names of each model's environments, in order."""
    return {name: tuple(item.name for item in model.environments) for name, model in config.models.items()}


def folder(config: Config, tree: Tree) -> str:
    """Where `mlops.yaml` lies in the repository: '' for its root, else a POSIX path that ends with '/'."""
    relative = config.root.resolve().relative_to(tree.root.resolve()).as_posix()
    return "" if relative == "." else f"{relative}/"


def _files(paths: Iterable[str], prefix: str) -> Iterable[str]:
    for path in paths:
        below = path.removeprefix(prefix)
        if path.startswith(f"{prefix}{FOLDER}/") and PurePosixPath(below).suffix in (".yaml", ".yml"):
            yield below


def _read(full: str, path: str, model: str, tree: Tree) -> Release:
    if tree.kind(full) != "file":
        raise ConfigError("a release is a plain file, not a link", where=path, hint=f"git rm {path}", docs=DOCS)
    return parse(tree.read(full), path=path, model=model)
