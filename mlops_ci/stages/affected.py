"""Which models a branch changes, and why: two digests of the base compared with two of the working tree."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlops_ci.config.load import load_bytes
from mlops_ci.config.types import Config, Model
from mlops_ci.digests.inputs import Inputs, flatten
from mlops_ci.digests.sources import Project
from mlops_ci.errors import MlopsError
from mlops_ci.io.git import Git
from mlops_ci.records import Affected, Change
from mlops_ci.stages.inputs import describe, judgement_digest, model_inputs

State = tuple[Model, Inputs, str]


def find_affected(
    config: Config, models: Sequence[Model], *, git: Git, base: str, environ: Mapping[str, str]
) -> tuple[Affected, ...]:
    """Compare every model with the revision `base` ('' is the empty tree). Raises PipelineError."""
    now = Project(git.working_tree())
    before = Project(git.tree(base))
    old_models = _models_of(config, before, git, environ)
    found = []
    for model in models:
        inputs = model_inputs(model, now)
        judgement = judgement_digest(model, now, inputs)
        old = _state(old_models.get(model.name), before)
        found.append(_compare((model, inputs, judgement), old, base))
    return tuple(found)


def _models_of(config: Config, project: Project, git: Git, environ: Mapping[str, str]) -> Mapping[str, Model]:
    """The models as the base configured them; none where it had no config, or none that is valid."""
    path = config.path.resolve().relative_to(git.root).as_posix()
    if not project.tree.exists(path):
        return {}
    try:
        return load_bytes(project.tree.read(path), path=config.path, root=config.root, environ=environ).models
    except MlopsError:
        return {}


def _state(model: Model | None, project: Project) -> State | None:
    """The model's digests in the base, or None where it could not have been trained there."""
    if model is None:
        return None
    try:
        inputs = model_inputs(model, project)
        return model, inputs, judgement_digest(model, project, inputs)
    except MlopsError:
        return None


def _compare(new: State, old: State | None, base: str) -> Affected:
    model, inputs, judgement = new
    if old is None:
        reason = "the base has no such model, or one whose config or pipeline is not valid" if base else "first commit"
        changes: tuple[Change, ...] = (Change(kind="model", name=model.name, old="", new=reason),)
        old_inputs = old_judgement = ""
    else:
        _, previous, old_judgement = old
        old_inputs = previous.digest
        changes = (*_input_changes(previous, inputs), *_config_changes(old[0], model))
    affected = (old_inputs, old_judgement) != (inputs.digest, judgement)
    if affected and not changes:
        changes = (Change(kind="data", name="data or suite that the judgement reads"),)
    return Affected(
        model=model.name,
        affected=affected,
        inputs_digest=inputs.digest,
        base_inputs_digest=old_inputs,
        judgement_digest=judgement,
        base_judgement_digest=old_judgement,
        base=base,
        changes=changes if affected else (),
    )


def _input_changes(old: Inputs, new: Inputs) -> Iterator[Change]:
    before, after = ({item.name: item for item in inputs.stages} for inputs in (old, new))
    for name in sorted(before.keys() - after.keys()):
        yield Change(kind="stage", name=name, old="reached", new="")
    for name in after:
        if name not in before:
            yield Change(kind="stage", name=name, old="", new="reached")
            continue
        was, now = before[name], after[name]
        if was.stage.cmd != now.stage.cmd:
            yield Change(kind="command", name=name, old=_short(was.stage.cmd), new=_short(now.stage.cmd))
        yield from _parameters(name, was.stage.params, now.stage.params)
        for path in sorted(was.sources.keys() | now.sources.keys()):
            if was.sources.get(path) != now.sources.get(path):
                yield Change(kind="file", name=path, stage=name, **_presence(path in was.sources, path in now.sources))
    for path in sorted(old.environment.keys() | new.environment.keys()):
        if old.environment.get(path) != new.environment.get(path):
            yield Change(kind="environment", name=path, **_presence(path in old.environment, path in new.environment))


def _parameters(
    stage: str, old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]
) -> Iterator[Change]:
    before, after = (
        {
            (posixpath.basename(file), name): text
            for file, values in side.items()
            for key, value in values.items()
            for name, text in flatten(key, value)
        }
        for side in (old, new)
    )
    for file, name in sorted(before.keys() | after.keys()):
        was, now = before.get((file, name), ""), after.get((file, name), "")
        if was != now:
            yield Change(kind="parameter", name=name, stage=stage, old=was[:80], new=now[:80])


def _config_changes(old: Model, new: Model) -> Iterator[Change]:
    before, after = (dict(flatten("", describe(model))) for model in (old, new))
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key) and not key.startswith("train."):
            yield Change(kind="config", name=key, old=before.get(key, "")[:80], new=after.get(key, "")[:80])


def _presence(was: bool, is_now: bool) -> dict[str, str]:
    return {} if was and is_now else {"old": "present" if was else "", "new": "present" if is_now else ""}


def _short(cmd: tuple[str, ...]) -> str:
    text = " && ".join(cmd)
    return text if len(text) <= 80 else f"{text[:79]}…"
