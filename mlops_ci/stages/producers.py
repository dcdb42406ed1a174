"""Which stage writes a file of a model, and under what path the repository knows it."""

from __future__ import annotations

import posixpath
from fnmatch import fnmatch

from mlops_ci.config.types import Model
from mlops_ci.digests.sources import Project
from mlops_ci.digests.stages import Stage
from mlops_ci.stages.inputs import folder_of


def full_path(model: Model, path: str, project: Project) -> str:
    """A path of the config from the repository's root."""
    return posixpath.normpath(posixpath.join(folder_of(model, project.tree.root), path))


def producer(model: Model, path: str, project: Project) -> Stage | None:
    """The stage that writes `path` (below the model's folder; a glob is any file it fits), in whichever dvc.yaml."""
    wanted = full_path(model, path, project)
    known = project.outputs(project.dvc_root(wanted)).around(folder_of_glob(wanted))
    return next((stage for out, stage in known.items() if fits(out, wanted)), None)


def folder_of_glob(path: str) -> str:
    """The path itself, or the folder that a glob looks in."""
    parts = path.split("/")
    plain = [part for part in parts if not any(c in part for c in "*?[")]
    return (
        path if len(plain) == len(parts) else "/".join(parts[: parts.index(next(p for p in parts if p not in plain))])
    )


def fits(kept: str, wanted: str) -> bool:
    """Whether what is kept at one path is, or holds, what is wanted."""
    return kept == wanted or wanted.startswith(f"{kept}/") or fnmatch(kept, wanted)
