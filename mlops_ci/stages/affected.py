"""Which models a branch changes, and why: two digests of the base compared with two of the working tree."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_ci.config.load import load_bytes
from mlops_ci.config.types import Config, Model
from mlops_ci.digests.canonical import canonical
from mlops_ci.digests.imports import import_checks
from mlops_ci.digests.inputs import Inputs, as_text, flatten, leaves
from mlops_ci.digests.paths import is_inside
from mlops_ci.digests.sources import Project, in_git, is_record
from mlops_ci.digests.stages import DEFAULT_PARAMS
from mlops_ci.errors import MlopsError
from mlops_ci.io.git import Git
from mlops_ci.records.affected import Affected, Change
from mlops_ci.records.codec import encode
from mlops_ci.records.results import StageResult, status_of
from mlops_ci.stages.inputs import JudgedOn, compared_config, folder_of, judged_on, model_inputs
from mlops_ci.stages.overrides import on_record

if TYPE_CHECKING:
    from mlops_ci.ports.say import Say

LONGEST = 80
INVALID = "not valid in the base"
READ_EARLY = ("dvc.yaml", "params.yaml", "requirements.txt", "mlops.yaml")


@dataclass(frozen=True, kw_only=True)
class State:
    """A model at one moment."""

    model: Model
    inputs: Inputs
    judged: JudgedOn


def find_base(config: Config, *, git: Git) -> str:
    """The commit a branch is compared with: see `Git.merge_base`. What a training leaves behind is no edit."""
    return git.merge_base(config.default_branch, edited=lambda: _edited(config, git))


def _edited(config: Config, git: Git) -> bool:
    project = Project(git.working_tree())
    try:
        roots = {
            project.dvc_root(posixpath.join(folder_of(m, git.root), m.train.pipeline)) for m in config.models.values()
        }
        outs = {out for root in roots for out in project.outputs(root).ordered}
    except MlopsError:
        return True
    return not all(is_record(path) or any(is_inside(path, out) for out in outs) for path in git.dirty())


def find_affected(
    config: Config, models: Sequence[Model], *, git: Git, base: str, environ: Mapping[str, str]
) -> tuple[Affected, ...]:
    """Compare every model with the revision `base` ('' is the empty tree).

    Raises PipelineError or ConfigError where a model's digests cannot be told now; where they could not be told in
    the base (no such model, an invalid config or pipeline there), the model is affected, and the change says why.
    """
    now, before = Project(git.working_tree()), Project(git.tree(base))
    for project in (now, before):
        project.tree.prefetch(path for name in READ_EARLY for path in project.named(name))
    old_models, reason = _models_of(config, now, before, environ, base)
    found = []
    for model in models:
        old: State | str = reason or f"'{model.name}' is not in the base's config"
        if model.name in old_models:
            old = _state_or_reason(old_models[model.name], before)
        found.append(_compare(_state(model, now), old, base))
    return tuple(found)


def explain(
    model: Model, item: Affected, *, project: Project, inputs: Inputs, where: Callable[[str], str], say: Say
) -> StageResult:
    """Why a model is judged, and what is waived; red where it imports what it does not declare and the config minds."""
    checks = (
        *import_checks(project.tree, inputs, model.train.undeclared_imports),
        *on_record(model.overrides, lambda key: where(f"models.{model.name}.{key}")),
    )
    for change in item.changes:
        say(change.sentence())
    for check in checks:
        say(f"{check.severity.value}: {check.where}: {check.message}")
    red = [check.message for check in checks if check.red]
    return StageResult(
        stage="affected",
        model=item.model,
        status=status_of(checks),
        reason=red[0] if red else "",
        checks=checks,
        outputs={"inputs-digest": item.inputs_digest},
        details=encode(item),
    )


def _models_of(
    config: Config, now: Project, before: Project, environ: Mapping[str, str], base: str
) -> tuple[Mapping[str, Model], str]:
    """The models as the base configured them, or none and the reason."""
    path = posixpath.relpath(config.path.resolve().as_posix(), now.tree.root.as_posix())
    if not base:
        return {}, "there is no commit before this one"
    if not before.tree.exists(path):
        return {}, f"the base has no {path}"
    if now.tree.exists(path) and now.tree.digest(path) == before.tree.digest(path):
        return config.models, ""
    try:
        return load_bytes(before.tree.read(path), path=config.path, root=config.root, environ=environ).models, ""
    except MlopsError as error:
        return {}, f"{INVALID}: {error}"


def _state(model: Model, project: Project) -> State:
    return State(model=model, inputs=model_inputs(model, project), judged=judged_on(model, project))


def _state_or_reason(model: Model, project: Project) -> State | str:
    try:
        return _state(model, project)
    except MlopsError as error:
        return f"{INVALID}: {error}"


def _compare(new: State, old: State | str, base: str) -> Affected:
    if isinstance(old, str):
        changes: tuple[Change, ...] = (
            Change(kind="model", name=new.model.name, old=old, new="valid" if old.startswith(INVALID) else "new"),
        )
        before = ("", "")
    else:
        changes = (*_input_changes(old.inputs, new.inputs), *_judgement_changes(old, new))
        before = (old.inputs.digest, old.judged.digest)
    affected = before != (new.inputs.digest, new.judged.digest)
    if affected and not changes:
        changes = (Change(kind="config", name="or pipeline: a value of another type"),)
    return Affected(
        model=new.model.name,
        affected=affected,
        inputs_digest=new.inputs.digest,
        base_inputs_digest=before[0],
        judgement_digest=new.judged.digest,
        base_judgement_digest=before[1],
        base=base,
        changes=tuple(dict.fromkeys(changes)) if affected else (),
    )


def _input_changes(old: Inputs, new: Inputs) -> Iterator[Change]:
    before, after = ({(item.stage.file, item.name): item for item in inputs.stages} for inputs in (old, new))
    for _, name in sorted(before.keys() - after.keys()):
        yield Change(kind="stage", name=name, old="needed", new="not needed")
    for (file, name), now in after.items():
        was = before.get((file, name))
        if was is None:
            yield Change(kind="stage", name=name, old="", new="needed")
            continue
        if was.stage.frozen != now.stage.frozen:
            yield Change(kind="stage", name=name, old=_frozen(was.stage.frozen), new=_frozen(now.stage.frozen))
        if was.stage.cmd != now.stage.cmd:
            yield _change("command", name, " && ".join(was.stage.cmd), " && ".join(now.stage.cmd))
        if was.stage.wdir != now.stage.wdir:
            yield _change("command", "working folder", was.stage.wdir, now.stage.wdir, stage=name)
        yield from _parameters(name, was.stage.params, now.stage.params)
        yield from _contents(was.sources, now.sources, stage=name)
        yield from _listed("output", name, was.stage.outs, now.stage.outs)
        yield from _listed("dependency", name, was.stage.deps, now.stage.deps)
    yield from _contents(old.environment, new.environment, kind="environment")


def _frozen(frozen: bool) -> str:
    return "frozen" if frozen else "run"


def _listed(what: str, stage: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    """Declarations that came or went; a changed source is told by its content already."""
    for path in sorted({*old} ^ {*new}):
        yield _change("file", path, f"no {what}" if path in new else what, what if path in new else f"no {what}", stage)


def _parameters(
    stage: str, old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]
) -> Iterator[Change]:
    before, after = (_by_name(params) for params in (old, new))
    for name in sorted(before.keys() | after.keys()):
        was, now = (
            [as_text(side[name]), canonical(side[name])] if name in side else ["", ""] for side in (before, after)
        )
        if was != now:
            shown = 0 if was[0] != now[0] else 1  # 3 and '3' are told apart by their quotes
            yield _change("parameter", name, was[shown], now[shown], stage)


def _by_name(params: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Parameter values by name; those of another file than params.yaml carry its name."""
    return {
        name if posixpath.basename(file) == DEFAULT_PARAMS else f"{file}:{name}": value
        for file, values in params.items()
        for key, item in values.items()
        for name, value in leaves(key, item)
    }


def _judgement_changes(old: State, new: State) -> Iterator[Change]:
    before, after = (dict(_flat_config(compared_config(state.model))) for state in (old, new))
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            yield _change("config", key, before.get(key, ""), after.get(key, ""))
    told = {change.name for change in _input_changes(old.inputs, new.inputs)}
    for key in sorted(old.judged.content.keys() | new.judged.content.keys()):
        was, now = old.judged.content.get(key), new.judged.content.get(key)
        if was is None or now is None:
            continue  # the config's own change says it
        kind = "data" if key.endswith((".data", "holdout")) else "file"
        for change in _contents(was, now, kind=kind):
            if change.name not in told:
                yield change


def _flat_config(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """The config by dotted key; what is empty has none."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _flat_config(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flat_config(item, f"{key}[{index}]")
    elif value is not None:
        yield from flatten(key, value)


def _contents(old: Mapping[str, str], new: Mapping[str, str], *, kind: str = "", stage: str = "") -> Iterator[Change]:
    """What differs in two maps of paths to content names."""
    for path in sorted(old.keys() | new.keys()):
        was, now = old.get(path, ""), new.get(path, "")
        if was == now:
            continue
        what = kind or ("file" if in_git(now or was) else "data")
        if was and now:
            yield _change(what, path, stage=stage)
        else:
            yield _change(what, path, "" if now else "there", "there" if now else "", stage)


def _change(kind: str, name: str, old: str = "", new: str = "", stage: str = "") -> Change:
    return Change(kind=kind, name=_shown(name), stage=stage, old=_short(old), new=_short(new))


def _short(text: str) -> str:
    text = _shown(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _shown(text: str) -> str:
    """A path as it can be printed: bytes that are no UTF-8 are replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
