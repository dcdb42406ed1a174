"""What a pull request has to change so that the default branch decides an earlier model again.

Not the commits since are reverted, which may hold other work and conflict, but the files that decided the model are
brought back as they were at the release's commit. Whether that is enough, and whether it changes anything else, is
proven by the digests of the result, before anybody sees it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mlops_ci.config.types import Config, Model
from mlops_ci.digests.inputs import Inputs
from mlops_ci.digests.paths import is_inside
from mlops_ci.digests.sources import Project, in_git
from mlops_ci.digests.stages import DEFAULT_PARAMS
from mlops_ci.digests.tree import Patched, Tree
from mlops_ci.errors import ConfigError, MlopsError, PipelineError, UsageError
from mlops_ci.records.models import Release
from mlops_ci.stages.inputs import judgement_digest, model_inputs

DOCS = "rollback.md"


@dataclass(frozen=True, kw_only=True)
class _State:
    """A model's inputs at one moment, and where they were read."""

    inputs: Inputs
    project: Project

    def files(self) -> set[str]:
        """The files that decide the model, `.dvc` files in place of the data they name."""
        found = set(self.inputs.environment)
        for item in self.inputs.stages:
            found.update([item.stage.file, *item.stage.params])
            tracked = self.project.tracked(self.project.dvc_root(item.stage.file))
            for path, name in item.sources.items():
                found.update([path] if in_git(name) else {one.file for one in tracked.around(path).values()})
        return found

    def templates(self) -> set[str]:
        """The parameter files that DVC fills templates from, whether or not a stage uses one."""
        return {posixpath.join(posixpath.dirname(item.stage.file), DEFAULT_PARAMS) for item in self.inputs.stages}

    def deps(self) -> set[str]:
        return {path for item in self.inputs.stages for path in item.stage.deps}


def restored(config: Config, model: Model, release: Release, *, then: Tree, now: Tree) -> Mapping[str, bytes | None]:
    """Files (None: to be deleted) that turn `now` into a tree whose inputs digest is the release's; {} where it has it.

    `then` is the tree of the release's commit, `now` the default branch's. Raises UsageError with the cure where
    files alone do not bring it back, or would change another model as well.
    """
    old = _State(inputs=_inputs(model, then, release), project=Project(then))
    if old.inputs.digest != release.inputs_digest:
        raise _by_hand(release, f"how {model.name} is trained has changed in {config.path.name} since")
    new = _now(model, now)
    if new is not None and new.inputs.digest == release.inputs_digest:
        return {}
    for decided in (old.files(), old.files() | old.templates()):
        taken = set(_changed({*decided, *_gone(old, new, then)}, then, now))
        patched = Patched(tree=now, other=then, taken=taken)
        if _digest(model, patched) == release.inputs_digest:
            _alone(config, model, release, patched)
            return {path: _content(then, path, release) for path in sorted(taken)}
    raise _by_hand(release, "more than the files that it names decides it")


def _inputs(model: Model, tree: Tree, release: Release) -> Inputs:
    try:
        return model_inputs(model, tree)
    except (ConfigError, PipelineError) as error:
        raise _by_hand(release, f"its inputs can't be told as of commit {release.commit[:12]}: {error}") from error


def _now(model: Model, tree: Tree) -> _State | None:
    """None where the default branch is broken: a rollback mends that, too."""
    try:
        return _State(inputs=model_inputs(model, tree), project=Project(tree))
    except (ConfigError, PipelineError):
        return None


def _digest(model: Model, tree: Tree) -> str:
    try:
        return model_inputs(model, tree).digest
    except (ConfigError, PipelineError):
        return ""


def _gone(old: _State, new: _State | None, then: Tree) -> Iterator[str]:
    """Files that came into the release's folders since."""
    for path in new.files() if new is not None else ():
        if not then.kind(path) and any(is_inside(path, dep) for dep in old.deps()):
            yield path


def _changed(paths: Iterable[str], then: Tree, now: Tree) -> Iterator[str]:
    for path in paths:
        before, after = (tree.digest(path) if tree.kind(path) else "" for tree in (then, now))
        if before != after:
            yield path


def _alone(config: Config, model: Model, release: Release, patched: Patched) -> None:
    """Raises UsageError where another model would be another one, or be judged otherwise, by the same files."""
    for other in config.models.values():
        if other is model:
            continue
        before, after = (_digests(other, tree) for tree in (patched.tree, patched))
        if before != after:
            known = _now(other, patched.tree)
            shared = sorted(known.files() & set(patched.taken)) if known is not None else []
            names = ", ".join(shared or sorted(patched.taken))
            raise _by_hand(release, f"that would change {other.name} as well, by {names}")


def _digests(model: Model, tree: Tree) -> tuple[str, str]:
    try:
        return model_inputs(model, tree).digest, judgement_digest(model, tree)
    except MlopsError as error:
        return "", str(error)


def _content(tree: Tree, path: str, release: Release) -> bytes | None:
    if tree.kind(path) in ("link", "module"):
        raise _by_hand(release, f"'{path}' is no plain file")
    return tree.read(path) if tree.kind(path) else None


def _by_hand(release: Release, why: str) -> UsageError:
    return UsageError(
        f"version {release.version} of {release.model} can't be brought back by its files alone: {why}",
        hint="on a branch of your own, 'git revert' the commits that changed the model since "
        f"('git log {release.commit[:12]}..' shows them), and open a pull request; --now serves it meanwhile",
        docs=DOCS,
    )
